"""Inside the training: D(x) and D(G(z)) on their way to ½, and the losses."""

from pathlib import Path

import numpy as np
import pandas as pd

from results.report.entries import Contest, Entry
from results.report.model import Cell, Column, Figure, Figures, LeftOut, Section, Table
from results.report.numbers import count, number
from results.report.svg import INK, MUTED, colour, drawing, to_svg

_NEEDED = ("kimg", "loss_d", "loss_g", "d_real", "d_fake", "jsd")
_BINS = 100
_MOST_SEEDS = 20
_MOST_PANELS = 24


def section(contests: list[Contest], store: Path | None) -> Section | LeftOut:
    """A panel an entry: D's outputs above, losses below, means over seeds with their range."""
    title = "Inside the training"
    if store is None:
        return LeftOut(
            title=title, why="The report was made without the store's folder, where histories lie."
        )
    blocks, panels = [], 0
    for contest in contests:
        figures = []
        known = [(entry, found) for entry in contest.drawn if (found := _histories(entry, store))]
        for number_, (entry, histories) in enumerate(known[: _MOST_PANELS - panels]):
            figures.append(_figure(contest, entry, histories, f"{contest.name}-monitor{number_}"))
        panels += len(figures)
        notes = contest.drawn_note()
        if len(figures) < len(known):
            notes = (*notes, f"{contest.title}: the first {len(figures)} of {len(known)}.")
        if known:
            blocks.append(Figures(figures=tuple(figures), notes=notes))
    if not blocks:
        return LeftOut(title=title, why="No run of this store has a history.csv.")
    lead = (
        "D(x) is what the discriminator says of real images, D(G(z)) of generated ones. Where its output is "
        "a probability, both go to ½ if the generator wins completely: then nobody can tell. D(x) near 1 and "
        "D(G(z)) near 0 mean that the discriminator sees through the generator. Critics (Wasserstein, least "
        "squares) are on scales of their own: there the gap between the lines counts. Lines are means over "
        "seeds, bands reach from the lowest to the highest seed; failed runs are in as far as they got.",
    )
    return Section(key="monitors", title=title, lead=lead, blocks=tuple(blocks))


def _histories(entry: Entry, store: Path) -> list[pd.DataFrame]:
    found = []
    for folder in entry.cells.sort_values("seed")["run_folder"].head(_MOST_SEEDS):
        try:
            history = pd.read_csv(store / Path(str(folder)).name / "history.csv")
        except (OSError, ValueError):  # pandas' parser errors are ValueErrors
            continue
        if not all(name in history for name in _NEEDED):
            continue
        numbers = history[list(_NEEDED)].apply(pd.to_numeric, errors="coerce").astype(float)
        numbers = numbers[np.isfinite(numbers["kimg"])]  # a kill or a power cut may tear the last line
        if len(numbers):
            found.append(numbers)
    return found


def _binned(histories: list[pd.DataFrame]) -> pd.DataFrame:
    """Mean, least and most over seeds of the means in bins of kimg."""
    end = max(history["kimg"].max() for history in histories)
    pieces = []
    for seed, history in enumerate(histories):
        steps = np.minimum((history["kimg"] / end * _BINS).astype(int), _BINS - 1) if end > 0 else 0
        finite = history.replace([np.inf, -np.inf], np.nan)
        pieces.append(finite.assign(bin=steps).groupby("bin").mean().assign(seed=seed))
    return pd.concat(pieces).reset_index()


def _figure(contest: Contest, entry: Entry, histories: list[pd.DataFrame], name: str) -> Figure:
    binned = _binned(histories)
    probability = any(history["jsd"].notna().any() for history in histories)
    fake = colour(entry.style.colour)
    with drawing(height=4.0) as figure:
        outputs, losses = figure.subplots(2, sharex=True)
        if probability:
            outputs.axhline(0.5, color=MUTED, lw=1, ls=":")
            outputs.set_ylim(-0.03, 1.03)
        for axes, lines in (
            (outputs, [("d_real", "D(x)", INK, "-"), ("d_fake", "D(G(z))", fake, "--")]),
            (losses, [("loss_d", "loss of D", INK, "-"), ("loss_g", "loss of G", fake, "--")]),
        ):
            for column, label, shade, dash in lines:
                _draw(axes, binned, column, label, shade, dash)
            axes.legend(ncols=2, loc="lower left", bbox_to_anchor=(-0.01, 0.97), borderaxespad=0.1)
        outputs.set_ylabel("probability “real”" if probability else "output of D")
        losses.set_ylabel("loss")
        losses.set_xlabel("kimg (generator steps × batch / 1000)")
        svg = to_svg(figure, name)
    ends = _ends(histories)
    seeds = count(len(histories), "seed")
    return Figure(
        name=name,
        title=f"{entry.label} on {contest.title}: discriminator and losses",
        description=f"At the end (last tenth, mean of {seeds}): D(x) {number(ends['d_real'])}, D(G(z)) "
        f"{number(ends['d_fake'])}, loss of D {number(ends['loss_d'])}, of G {number(ends['loss_g'])}.",
        svg=svg,
        table=_table(histories),
    )


def _draw(axes, binned: pd.DataFrame, column: str, label: str, shade: str, dash: str) -> None:  # type: ignore[no-untyped-def]
    over = binned.groupby("bin")
    kimg, values = over["kimg"].mean(), over[column]
    if binned["seed"].nunique() > 1:
        axes.fill_between(kimg, values.min(), values.max(), color=shade, alpha=0.16, lw=0)
    axes.plot(kimg, values.mean(), color=shade, lw=1.5, ls=dash, label=label)


def _ends(histories: list[pd.DataFrame]) -> pd.Series:
    """Means over the last tenth of each history, then over seeds."""
    return pd.DataFrame([_last_tenth(history) for history in histories]).mean()


def _last_tenth(history: pd.DataFrame) -> pd.Series:
    return history.tail(max(1, len(history) // 10)).replace([np.inf, -np.inf], np.nan).mean()


def _table(histories: list[pd.DataFrame]) -> Table:
    columns = ("D(x)", "D(G(z))", "loss of D", "loss of G")
    names = ("d_real", "d_fake", "loss_d", "loss_g")
    rows = []
    for start, words in ((True, "first tenth"), (False, "last tenth")):
        parts = [h.head(max(1, len(h) // 10)) if start else h.tail(max(1, len(h) // 10)) for h in histories]
        means = pd.DataFrame([p.replace([np.inf, -np.inf], np.nan).mean() for p in parts]).mean()
        rows.append((Cell(text=words), *(Cell(text=number(means[name])) for name in names)))
    made = tuple(Column(title=title) for title in columns)
    return Table(
        caption="Means over seeds", columns=(Column(title="of the training", number=False), *made),
        rows=tuple(rows),
    )  # fmt: skip

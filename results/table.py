"""The summary as a table that fits a terminal and says what its numbers mean."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from results.summary import final_scores, summary

WIDTH = 120
"""Characters of the terminal that the table is made for."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SHORT = {
    "min_class_share": "rarest class",
    "parzen": "Parzen",
    "class_agreement": "agreement",
    "class_fid": "class FID",
    "class_is": "class IS",
    "fid_infinity": "FID∞",
    "cmmd": "CMMD",
    "modes": "captured",
    "high_quality_share": "high quality",
    "mode_kl": "mode KL",
}
_ARROWS = {"lower": " ↓", "higher": " ↑"}
_CONDITIONS = {
    "dataset": "dataset",
    "kimg_budget": "kimg",
    "batch_size": "batch",
    "precision": "precision",
    "compile": "compile",
    "changed": "changed",
    "device": "device",
}
# Shown only where one name has several of them: otherwise the name says it.
_IDENTITIES = {
    "variant_version": ("variant", "version"),
    "dataset_fingerprint": ("dataset", "data"),
    "image_shape": ("dataset", "shape"),
}
_COSTS: dict[str, tuple[str, Callable[[float], str]]] = {
    "images_per_sec": ("img/s", lambda value: _number(value)),
    "training_sec": ("train s", lambda value: _number(value)),
    "peak_memory_bytes": ("peak GiB", lambda value: f"{value / 2**30:.2f}"),
}


def compact_table(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Turn a loaded frame into a table of texts and the caption that explains it.

    Parameters
    ----------
    frame
        As ``load`` returns it.

    Returns
    -------
    table : DataFrame of str
        One row a row of ``summary``. Conditions that are the same in all rows are not columns but
        stand in the caption. At most ``WIDTH`` characters wide in most terminals' tables: if
        needed, extractors leave the headers and then costs are left out, which the caption says.
    caption : str
        Several lines: the shared conditions, what ± is, what was left out.

    Raises
    ------
    StoreError
        The frame is not a loaded one.
    """
    parts = table_parts(frame)
    groups, scores, columns = parts.groups, parts.scores, parts.conditions
    score_columns = {header: parts.texts[header] for header in parts.score_names}
    costs = {header: parts.texts[header] for header in parts.cost_names}
    last = parts.flags
    notes = [*parts.notes]
    table = pd.DataFrame({**columns, **score_columns, **costs, **last}, dtype=object)
    if _width(table) > WIDTH:
        score_columns, note = _without_extractors(score_columns)
        notes += note
    left_out: list[str] = []
    while True:
        table = pd.DataFrame({**columns, **score_columns, **costs, **last}, dtype=object)
        if _width(table) <= WIDTH or not costs:
            break
        left_out.insert(0, costs.popitem()[0])
    notes += cost_note(costs)
    if left_out:
        notes.append(f"Left out for width: {', '.join(left_out)}; the summary has them.")
    return table.astype(str), "\n".join([*_caption(groups, scores, parts.shared), *notes])


@dataclass(frozen=True, kw_only=True)
class TableParts:
    """The columns of a table of averages, as texts, before anything is left out for width."""

    groups: pd.DataFrame
    """As ``summary`` returns it: a row of the table each."""
    scores: pd.DataFrame
    """As ``final_scores`` returns it, of the scores that are shown."""
    shared: list[str]
    """Conditions that all rows share."""
    conditions: dict[str, list[str]]
    """The others, and the seeds, by header."""
    score_names: dict[str, str]
    """Header to the score's name in `groups`."""
    cost_names: dict[str, str]
    """The same for costs."""
    texts: dict[str, list[str]]
    """The texts of both by header."""
    flags: dict[str, list[str]]
    """The column of flags, if there are any."""
    notes: list[str]
    """What the caption must say of them."""

    def caption(self) -> list[str]:
        """What the rows share, and what seeds and ± are."""
        return _caption(self.groups, self.scores, self.shared)


def table_parts(frame: pd.DataFrame) -> TableParts:
    """Return the columns of a loaded frame's table.

    A score against the validation split, on which choices are made, is left out beside that of the test one.
    """
    groups, all_scores = summary(frame), final_scores(frame)
    names = dict(zip(all_scores["score"], all_scores["metric"], strict=True))
    beside = [name for name, metric in names.items() if name == f"{metric} (validation)" and metric in names]
    scores = all_scores[~all_scores["score"].isin(beside)]
    shared, columns = condition_columns(groups)
    columns["seeds"] = [_seeds(row) for row in groups.to_dict("records")]
    score_names = {
        _title(scores[scores["score"] == name], name): name for name in dict.fromkeys(scores["score"])
    }
    cost_names = {header: name for name, (header, _) in _COSTS.items() if groups[name].notna().any()}
    texts = {header: _score_texts(groups, name) for header, name in score_names.items()}
    for header, name in cost_names.items():
        texts[header] = [_or_dash(value, _COSTS[name][1]) for value in groups[name]]
    flags, legend = _flags(groups["flags"])
    left = ["Validation scores are left out; the summary has them."] if beside else []
    return TableParts(
        groups=groups,
        scores=scores,
        shared=shared,
        conditions=columns,
        score_names=score_names,
        cost_names=cost_names,
        texts=texts,
        flags={"flags": flags} if legend else {},
        notes=[*([legend] if legend else []), *left],
    )


def cost_note(headers: Iterable[str]) -> list[str]:
    """What the columns of costs are, if any is shown."""
    shown = list(headers)
    if not shown:
        return []
    speed = "; img/s is generator steps × batch a second" if "img/s" in shown else ""
    return [f"{', '.join(shown)}: medians over the ok seeds{speed}."]


def _without_extractors(
    score_columns: Mapping[str, list[str]],
) -> tuple[dict[str, list[str]], list[str]]:
    """Shorten the headers: one extractor goes to the caption, several to a line of their own."""
    extractors = {header.partition("@")[2].split(" ")[0] for header in score_columns} - {""}
    if len(extractors) != 1:
        return {header.replace("@", "\n@"): texts for header, texts in score_columns.items()}, []
    (extractor,) = extractors
    short = {header.replace(f"@{extractor}", "@…"): texts for header, texts in score_columns.items()}
    return short, [f"@…: on the features of {extractor}."]


def _flags(texts: pd.Series) -> tuple[list[str], str]:
    """Abbreviate flags to letters; return the cells, as "a 2/5", and the legend."""
    names = sorted({flag.rpartition(" ")[0] for text in texts for flag in text.split(", ") if flag})
    letters = dict(zip(names, _LETTERS, strict=False))
    cells = []
    for text in texts:
        parts = (flag.rpartition(" ") for flag in text.split(", ") if flag)
        cells.append(", ".join(f"{letters.get(name, name)} {count}" for name, _, count in parts))
    meanings = ", ".join(f"{letter} {name}" for name, letter in letters.items())
    return cells, f"flags, in how many seeds: {meanings}." if meanings else ""


def condition_columns(groups: pd.DataFrame) -> tuple[list[str], dict[str, list[str]]]:
    """Split the conditions into shared ones, as texts for the caption, and columns."""
    columns = {"variant": groups["variant"].tolist()}
    for name, (of, header) in _IDENTITIES.items():
        if groups.groupby(of, dropna=False)[name].nunique().max() > 1:
            columns[header] = [_or_dash(value, lambda text: str(text)[:8]) for value in groups[name]]
    shared = []
    for name, header in _CONDITIONS.items():
        texts = [_condition(name, value) for value in groups[name]]
        if name == "changed" and groups.groupby("variant")[name].nunique().max() <= 1:
            # One setting a variant, so that the variant's name says which: it need not be a column.
            pairs = dict(zip(groups["variant"], texts, strict=True))
            shared += [
                f"{variant} with {text}" for variant, text in pairs.items() if text not in ("nothing", "–")
            ]
        elif len(set(texts)) > 1:
            columns[header] = texts
        elif texts and texts[0] != "–":
            shared.append(f"{header} {texts[0]}")
    if groups["protocol"].notna().any():
        columns["protocol"] = [_or_dash(value, lambda text: str(text)[:8]) for value in groups["protocol"]]
    return shared, columns


def _condition(name: str, value: object) -> str:
    if name == "changed" and not pd.isna(value) and value == "":  # type: ignore[call-overload]
        return "nothing"
    return _or_dash(value, lambda known: _number(known) if isinstance(known, float) else str(known))


def _seeds(row: Mapping[str, object]) -> str:
    text = f"{row['seeds_ok']}/{row['seeds']}"
    others = str(row["outcomes"]).split(", ")[1:]
    return f"{text}: {', '.join(others)}" if others else text


def _title(rows: pd.DataFrame, name: str) -> str:
    # A unit that is a phrase ("squared feature units") would only widen the column.
    unit = next((f" [{unit}]" for unit in rows["unit"].dropna() if unit and " " not in unit), "")
    arrow = next((_ARROWS.get(better, "") for better in rows["better"].dropna()), "")
    metric, at, extractor = name.partition("@")
    shown = _SHORT.get(metric, metric.upper() if len(metric) <= 3 else metric)
    return f"{shown}{at}{extractor}{unit}{arrow}"


def _score_texts(groups: pd.DataFrame, name: str) -> list[str]:
    parts = ["mean", "sd", "within", "n"]
    rows = groups[[*(f"{name}_{part}" for part in parts), "seeds_ok"]]
    return [_score(*row) for row in rows.itertuples(index=False, name=None)]


def _score(mean: float, sd: float, within: float, n: int, seeds_ok: int) -> str:
    if n == 0:
        return "–"
    if n > 1:
        text = _with_uncertainty(mean, sd, "{} ± {}")
    else:
        text = _with_uncertainty(mean, within, "{} [± {}]")
    return text if n == seeds_ok else f"{text} (n={n})"


def _with_uncertainty(value: float, uncertainty: float, form: str) -> str:
    """Give the uncertainty two significant digits and the value as many places."""
    if not (math.isfinite(value) and math.isfinite(uncertainty) and uncertainty > 0):
        return (
            _number(value) if math.isnan(uncertainty) else form.format(_number(value), _number(uncertainty))
        )
    places = min(max(1 - math.floor(math.log10(uncertainty)), 0), 6)
    return form.format(f"{value:.{places}f}", f"{uncertainty:.{places}f}")


def _number(value: float) -> str:
    """Four significant digits, and all digits before the point."""
    if not math.isfinite(value):
        return {math.inf: "inf", -math.inf: "-inf"}.get(value, "NaN")
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.4g}"


def _or_dash(value: object, text: Callable[..., str]) -> str:
    return "–" if pd.isna(value) else text(value)  # type: ignore[call-overload]


def _width(table: pd.DataFrame) -> int:
    """Characters of a line of a plain table: two spaces between columns."""
    widths = [
        max(len(line) for text in [name, *table[name]] for line in str(text).split("\n"))
        for name in table.columns
    ]
    return sum(widths) + 2 * (len(widths) - 1)


def _caption(groups: pd.DataFrame, scores: pd.DataFrame, shared: list[str]) -> list[str]:
    lines = []
    if shared:
        lines.append("All rows: " + ", ".join(shared) + ".")
    if groups["seeds_ok"].ne(groups["seeds"]).any():
        lines.append("seeds: ok/all, then what became of the others; only ok seeds are averaged.")
    else:
        lines.append("seeds: ok/all.")
    counts = groups[[name for name in groups if name.endswith("_n")]]
    if counts.gt(1).any(axis=None):
        lines.append("a ± b: mean over the ok seeds ± standard deviation between seeds.")
    if counts.eq(1).any(axis=None):
        lines.append("a [± b]: one seed, so b is the uncertainty within that run:")
        for name, kinds in scores.groupby("score", sort=False)["uncertainty_kind"]:
            title = _title(scores[scores["score"] == name], str(name).partition("@")[0]).rstrip(" ↑↓")
            lines.append(f"  {title}: {', '.join(kinds.dropna().unique()) or 'kind not recorded'}")
    if groups["protocol"].notna().any():
        lines.append(
            "protocol: hash of other conditions of scoring; – is what most cells of its data were scored by."
        )
    if groups["device_name"].eq("mixed").any():
        lines.append("No costs where seeds ran on different machines.")
    return lines

"""Throughput by precision and compile mode, as bars with their ratios to eager fp32."""

import math
from collections.abc import Hashable

import pandas as pd

from results.palette import styles
from results.report.model import Cell, Column, Figure, Figures, LeftOut, Section, Table
from results.report.numbers import DASH, like, number
from results.report.svg import INK, MUTED, colour, drawing, to_svg
from results.throughput_table import throughput_table

_MOST_PANELS = 16


def section(frame: pd.DataFrame) -> Section | LeftOut:
    """A panel a variant, data and batch size; modes that could not be timed are listed with their reason."""
    title = "Throughput by precision and compile mode"
    table = throughput_table(frame)
    if table.empty:
        return LeftOut(title=title, why="Nothing was timed by bench.throughput.")
    look = styles(frame["variant"].dropna())
    keys = ["variant", "changed", "dataset", "image_shape", "batch_size", "device_name"]
    groups = list(table.groupby(keys, dropna=False, sort=False))
    figures = []
    for index, (key, modes) in enumerate(groups[:_MOST_PANELS]):
        if modes["images_per_sec"].notna().any():
            figures.append(_figure(dict(zip(keys, key, strict=True)), modes, look[str(key[0])].colour, index))
    notes = (
        [f"Drawn are the first {_MOST_PANELS} of {len(groups)} groups; the table has all."]
        if len(groups) > _MOST_PANELS
        else []
    )
    lead = (
        "Images per second of whole training steps (discriminator steps and optimisers in it), timed in "
        "turns in one process; × is the ratio to eager fp32 with its 95 % interval. A mode that does not "
        "learn what eager fp32 learns is not timed: its speed would be void.",
    )
    blocks: list[Figures | Table] = []
    if figures:
        blocks.append(Figures(figures=tuple(figures), notes=tuple(notes)))
    blocks.append(_table(table, look))
    return Section(key="speed", title=title, lead=lead, blocks=tuple(blocks))


def _mode(row: dict[Hashable, object]) -> str:
    compiled = row["compile"]
    return f"{row['precision']}" if compiled == "off" else f"{row['precision']}, {compiled}"


def _figure(key: dict[str, object], modes: pd.DataFrame, index: int, number_: int) -> Figure:
    rows = modes.to_dict("records")
    shade = colour(index)
    fastest = max(float(row["images_per_sec"]) for row in rows if math.isfinite(row["images_per_sec"]))
    name = f"speed{number_}"
    with drawing(height=0.9 + 0.34 * len(rows)) as figure:
        axes = figure.subplots()
        for y, row in enumerate(rows):
            speed = float(row["images_per_sec"])
            if not math.isfinite(speed):
                axes.text(0.01 * fastest, y, str(row["outcome"]), va="center", fontsize=9, color=MUTED)
                continue
            axes.barh(y, speed, height=0.62, color=shade, alpha=0.85 if _is_eager(row) else 0.5)
            low, high = float(row["images_per_sec_low"]), float(row["images_per_sec_high"])
            if math.isfinite(low) and math.isfinite(high):
                axes.plot([low, high], [y, y], color=INK, lw=1.4)
            axes.annotate(
                _ratio(row), (max(speed, high if math.isfinite(high) else 0), y), xytext=(5, 0),
                textcoords="offset points", va="center", fontsize=9,
            )  # fmt: skip
        axes.set_xlim(0, 1.38 * fastest)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), [_mode(row) for row in rows])
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("images per second")
        svg = to_svg(figure, name)
    said = [
        f"{_mode(row)} {number(row['images_per_sec'])} images/s ({_ratio(row)})"
        if math.isfinite(row["images_per_sec"])
        else f"{_mode(row)} {row['outcome']}"
        for row in rows
    ]
    changed = "" if pd.isna(key["changed"]) or not key["changed"] else f" with {key['changed']}"  # type: ignore[call-overload]
    return Figure(
        name=name,
        title=f"{key['variant']}{changed}, batch {key['batch_size']}, {key['image_shape']}, "
        f"on {key['device_name']}",
        description="; ".join(said) + ".",
        svg=svg,
    )


def _is_eager(row: dict[Hashable, object]) -> bool:
    return row["precision"] == "fp32" and row["compile"] == "off"


def _ratio(row: dict[Hashable, object]) -> str:
    value, low, high = (float(row[f"ratio_to_eager_fp32{end}"]) for end in ("", "_low", "_high"))  # type: ignore[arg-type]
    if not math.isfinite(value):
        return "×1"
    middle, lower, upper = like(value, low, high)
    return f"×{middle} [{lower}, {upper}]" if math.isfinite(low) else f"×{number(value)}"


def _table(table: pd.DataFrame, look) -> Table:  # type: ignore[no-untyped-def]
    rows = []
    for row in table.to_dict("records"):
        speed, memory = float(row["images_per_sec"]), float(row["peak_memory_allocated_bytes"])
        reason = "" if pd.isna(row["reason"]) else str(row["reason"])
        outcome = "not ended" if pd.isna(row["outcome"]) else str(row["outcome"])
        rows.append(
            (
                Cell(text=str(row["variant"]), colour=look[str(row["variant"])].colour),
                Cell(text=str(row["batch_size"]), sort=_real(row["batch_size"])),
                Cell(text=_mode(row)),
                Cell(text=number(speed) if math.isfinite(speed) else DASH, sort=_real(speed)),
                Cell(
                    text=_ratio(row) if math.isfinite(speed) else DASH, sort=_real(row["ratio_to_eager_fp32"])
                ),
                _plain(row["d_step_ms"]),
                _plain(row["g_step_ms"]),
                _plain(row["compile_sec"]),
                Cell(text=f"{memory / 2**30:.2f}" if math.isfinite(memory) else DASH, sort=_real(memory)),
                Cell(text=outcome, note=reason, tone="" if outcome == "ok" else "bad"),
            )
        )
    titles = (
        ("batch", ""), ("mode", "precision, compile"), ("images/s", ""), ("× eager fp32", "95 % interval"),
        ("D step", "ms"), ("G step", "ms"), ("compiling", "s"), ("memory", "GiB"),
    )  # fmt: skip
    columns = (
        Column(title="variant", number=False),
        *(Column(title=title, note=note, number=title != "mode") for title, note in titles),
        Column(title="outcome", number=False, wide=True),
    )
    return Table(caption="All modes timed", columns=columns, rows=tuple(rows), sortable=True)


def _plain(value: float) -> Cell:
    return Cell(text=number(value), sort=value) if math.isfinite(value) else Cell(text=DASH)


def _real(value: object) -> float | None:
    known = float(value)  # type: ignore[arg-type]
    return known if math.isfinite(known) else None

"""What `bench.throughput` measured: one row a cell, as numbers and as a table for a terminal."""

import json
import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import pandas as pd

from results.errors import StoreError

CONDITIONS = [
    "variant", "changed", "dataset", "image_shape", "batch_size", "precision", "compile",
    "device", "device_name", "torch_version", "cpu_threads",
]  # fmt: skip

METRICS: dict[str, str] = {
    "images_per_sec": "generator steps × batch a second; D steps, optimisers and data in it",
    "ratio_to_eager_fp32": "images_per_sec as a multiple of eager fp32's: median over rounds",
    "d_step_ms": "one D step, its generated batch included",
    "g_step_ms": "what an iteration takes beyond its D steps",
    "first_step_sec": "the first iteration, compiling included",
    "compile_sec": "what the first iteration took beyond a steady one, compile caches empty",
    "peak_memory_allocated_bytes": "weights, optimiser, activations; neither data nor other modes",
    "peak_memory_reserved_bytes": "what torch's allocator held of the device, all of the process",
    "joules_per_1000_images": "the whole board's energy for 1,000 images, as the driver counts it",
    "flops_per_sec": "operations of matrix products and convolutions a second",
    "matmul_share": "flops_per_sec as a share of this machine's own matrix products",
    "host_reads_per_iteration": "how often an iteration makes the host wait for the device",
    "sampling_images_per_sec": "the generator alone, in fp32, samples brought to the host",
    "agreement": "with eager fp32: the largest share of a bound that was reached; above 1: wrong",
}
"""The columns of values, and what each is. Those of `WITH_INTERVAL` have `…_low` and `…_high` beside them:
the ends of the 95 % interval. `sampling_images_per_sec` is measured with eager fp32 only."""

WITH_INTERVAL = ("images_per_sec", "ratio_to_eager_fp32", "d_step_ms", "g_step_ms")

_TIMED = "throughput"


def throughput_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn a loaded frame into one row a cell of `bench.throughput`.

    Parameters
    ----------
    frame
        As `load` returns it; rows of other commands are passed over.

    Returns
    -------
    DataFrame
        The columns of `CONDITIONS`; `outcome` (missing while it goes on) and `reason`; those of `METRICS`,
        float64, NaN where not measured, with their intervals; `features_per_sec` and `extractor`, in the one
        row a data set beside which a network's features were timed; `warnings`. In the order of variant,
        data, batch size, precision and compile mode.

    Raises
    ------
    StoreError
        The frame is not a loaded one.
    """
    needed = [
        "training_id",
        "purpose",
        "metric",
        "value",
        "details",
        "warnings",
        "outcome",
        "reason",
        *CONDITIONS,
    ]
    if lacking := [name for name in needed if name not in frame]:
        raise StoreError(f"The frame has no column {lacking[0]!r}: it is not a loaded one.")
    timed = frame[frame["purpose"].eq(_TIMED).fillna(False)]
    rows = [_row(cell) for _, cell in timed.groupby("training_id", sort=False)]
    values = [name for metric in METRICS for name in _columns(metric)]
    columns = [*CONDITIONS, "outcome", "reason", *values, "features_per_sec", "extractor", "warnings"]
    table = pd.DataFrame(sorted(rows, key=_order), columns=columns)
    dtypes = {name: frame[name].dtype for name in [*CONDITIONS, "outcome", "reason"]}
    return table.astype(
        dtypes
        | dict.fromkeys([*values, "features_per_sec"], "float64")
        | dict.fromkeys(["extractor", "warnings"], "string")
    )


def compact_throughput_table(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Turn a loaded frame into a table of texts and the caption that explains it.

    Columns without a value, and conditions that are the same in all rows, are left out; the conditions
    stand in the caption.

    Raises
    ------
    StoreError
        The frame is not a loaded one.
    """
    cells = throughput_table(frame)
    shared, columns = [], {"variant": cells["variant"].astype(str)}
    for name, header in _HEADERS.items():
        texts = cells[name].map(lambda value: "–" if pd.isna(value) or value == "" else str(value))
        if texts.nunique() > 1:
            columns[header] = texts
        elif not texts.empty and texts.iloc[0] != "–":
            shared.append(f"{header} {texts.iloc[0]}")
    measured = {
        header: pd.Series([_text(row) for row in cells.to_dict("records")], dtype=object)
        for header, _text in _VALUES.items()
    }
    columns |= {header: texts for header, texts in measured.items() if texts.ne("–").any()}
    columns["outcome"] = cells["outcome"].fillna("not ended").astype(str)
    return pd.DataFrame(columns).astype(str), "\n".join(_caption(cells, shared, list(columns)))


# In the order of gans.PRECISIONS and gans.COMPILE_MODES, which this package may not import.
_MODES = {
    "precision": ("fp32", "tf32", "amp-bf16", "amp-fp16"),
    "compile": ("off", "default", "max-autotune", "cudagraphs"),
}

_HEADERS = {
    "changed": "changed",
    "dataset": "dataset",
    "image_shape": "shape",
    "batch_size": "batch",
    "precision": "precision",
    "compile": "compile",
    "device_name": "device",
    "torch_version": "torch",
    "cpu_threads": "threads",
}


def _row(cell: pd.DataFrame) -> dict[str, Any]:
    row: dict[str, Any] = {name: cell[name].iloc[-1] for name in [*CONDITIONS, "outcome", "reason"]}
    said = []
    for record in cell[cell["metric"].notna()].to_dict("records"):
        metric, at, extractor = str(record["metric"]).partition("@")
        row[metric] = record["value"]
        if at:
            row["extractor"] = extractor
        if metric in WITH_INTERVAL:
            details = json.loads(record["details"])
            row |= {f"{metric}_{end}": details.get(end, math.nan) for end in ("low", "high")}
        if metric != "agreement" and not pd.isna(record["warnings"]):
            said.append(record["warnings"])
    row["warnings"] = " ".join(dict.fromkeys(said)) or pd.NA
    return row


def _order(row: dict[str, Any]) -> tuple[object, ...]:
    where = (str(row[name]) for name in ("dataset", "image_shape", "variant", "changed"))
    return (*where, int(row["batch_size"]), *(_rank(_MODES[name], str(row[name])) for name in _MODES))


def _rank(known: tuple[str, ...], name: str) -> tuple[int, str]:
    return (known.index(name), name) if name in known else (len(known), name)


def _columns(metric: str) -> list[str]:
    return [metric, *(f"{metric}_{end}" for end in ("low", "high") if metric in WITH_INTERVAL)]


def _number(value: float, digits: int = 3) -> str:
    """So many significant digits, and never an exponent."""
    if not math.isfinite(value):
        return "–"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{min(places, 6)}f}"


def _plain(name: str, scale: float = 1.0, digits: int = 3) -> Callable[[dict[str, float]], str]:
    return lambda row: _number(row[name] * scale, digits)


def _speed(row: dict[str, float]) -> str:
    value, low, high = (row[name] for name in _columns("images_per_sec"))
    if not math.isfinite(value):
        return "–"
    half = (high - low) / 2
    places = max(0, -math.floor(math.log10(half))) if math.isfinite(half) and half > 0 else 1
    return f"{value:,.{places}f} ± {half:,.{places}f}" if math.isfinite(half) else f"{value:,.1f}"


def _times(row: dict[str, float]) -> str:
    value, low, high = (row[name] for name in _columns("ratio_to_eager_fp32"))
    if not math.isfinite(value):
        return "1" if math.isfinite(row["images_per_sec"]) else "–"
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


_VALUES: dict[str, Callable[[dict[str, float]], str]] = {
    "img/s": _speed,
    "× eager fp32": _times,
    "ms D": _plain("d_step_ms"),
    "ms G": _plain("g_step_ms"),
    "first s": _plain("first_step_sec", digits=2),
    "compile s": _plain("compile_sec", digits=2),
    "peak GiB": _plain("peak_memory_allocated_bytes", 2**-30, digits=2),
    "J/1000": _plain("joules_per_1000_images"),
    "matmul %": _plain("matmul_share", 100, digits=2),
    "host reads": lambda row: (
        "–" if math.isnan(row["host_reads_per_iteration"]) else f"{row['host_reads_per_iteration']:.0f}"
    ),
}


def _caption(cells: pd.DataFrame, shared: list[str], shown: list[str]) -> list[str]:
    lines = [f"All rows: {', '.join(shared)}."] if shared else []
    if "img/s" in shown:
        lines.append("img/s: generator steps × batch a second, D steps, optimisers, data and monitors in it;")
        lines.append(
            "± half the 95 % interval of the median. × eager fp32: median and 95 % interval of the ratios"
        )
        lines.append("of rounds in which the modes took turns.")
    if "ms G" in shown:
        lines.append("ms D: one D step alone. ms G: what an iteration takes beyond its D steps.")
    if "first s" in shown:
        compiling = ", compiling in it; compile s: of that" if "compile s" in shown else ""
        lines.append(f"first s: the first iteration{compiling}.")
    if "matmul %" in shown:
        lines.append("matmul %: share of this machine's own matrix-product rate in that precision.")
    for row in cells[cells["sampling_images_per_sec"].notna()].to_dict("records"):
        speed = _number(row["sampling_images_per_sec"])
        lines.append(f"sampling, {_group(row)}: {speed} images/s (fp32, brought to the host).")
    for row in cells[cells["features_per_sec"].notna()].to_dict("records"):
        speed = _number(row["features_per_sec"])
        lines.append(f"features, {row['extractor']}: {speed} images/s of {row['dataset']}.")
    told = cells[cells["reason"].fillna("").ne("")]
    for (outcome, reason), same in told.groupby(["outcome", "reason"], sort=False):
        modes = dict.fromkeys(
            f"{row['precision']} compile={row['compile']}" for row in same.to_dict("records")
        )
        whom = dict.fromkeys(map(_group, same.to_dict("records")))
        lines.append(f"{outcome}: {', '.join(modes)} ({'; '.join(whom)}): {reason}")
    warned = cells[cells["warnings"].notna()]
    for said, same in warned.groupby("warnings", sort=False):
        lines.append(f"warning: {'; '.join(dict.fromkeys(map(_group, same.to_dict('records'))))}: {said}")
    return lines


def _group(row: Mapping[Hashable, object]) -> str:
    return f"{row['variant']} batch {row['batch_size']}"

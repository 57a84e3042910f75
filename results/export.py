r"""Frames as files that other programs read, and back.

Nothing is lost on the way, in these terms:

- *csv* follows RFC 4180. A missing text is an empty field and an empty text is ``""``, quoted, as
  all texts are; plain CSV readers see both as empty. A missing real is an empty field too, and a
  measured NaN (a ``value`` whose row has a metric) is ``nan``.
- *parquet* keeps the types; a measured NaN is a NaN and a missing real is a null.
- *json* is a list of records, strict JSON: missing is ``null``, and reals that JSON has no number
  for are ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.
- *markdown* is for eyes and does not come back.
"""

import json
from pathlib import Path
from typing import Literal, get_args

import pandas as pd
import pyarrow as pa
from pyarrow import csv, parquet

from results.atomic import replacing
from results.encoding import encode_real
from results.errors import StoreError
from results.schema import COLUMNS, DTYPES, Kind

Format = Literal["csv", "parquet", "markdown", "json"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".md": "markdown",
    ".json": "json",
}
_ARROW_TYPES: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "real": pa.float64(),
    "flag": pa.bool_(),
    "time": pa.timestamp("us", "UTC"),
}


def export(frame: pd.DataFrame, path: str | Path, format: Format | None = None) -> None:
    """Write a loaded frame, a summary or a compact table to one file, atomically.

    Parameters
    ----------
    frame
        Any frame of this package; its index is not written.
    path
        The file, replaced if it is there. Its folder must be there.
    format
        "csv", "parquet", "markdown" or "json"; by default what the suffix says (.csv, .parquet,
        .md, .json).

    Raises
    ------
    StoreError
        An unknown format or suffix, or the file can't be written.
    """
    target = Path(path)
    chosen = format or _format_of(target)
    if chosen not in get_args(Format):
        known = ", ".join(get_args(Format))
        raise StoreError(f"There is no format {chosen!r}; there are {known}.")
    with replacing(target) as temporary:
        if chosen == "csv":
            csv.write_csv(_arrow_table(frame), temporary)
        elif chosen == "parquet":
            parquet.write_table(_arrow_table(frame), temporary)
        elif chosen == "json":
            temporary.write_text(_json(frame), encoding="utf-8")
        else:
            temporary.write_text(_markdown(frame), encoding="utf-8")


def read_export(path: str | Path) -> pd.DataFrame:
    """Read an exported loaded frame back: same columns, dtypes and values as were exported.

    Columns outside the schema (those of a summary) come with the dtype the file suggests.

    Raises
    ------
    StoreError
        A suffix other than .csv, .parquet and .json, or a file that can't be read as what its
        suffix says.
    """
    source = Path(path)
    format = _format_of(source)
    if format == "markdown":
        raise StoreError(f"Markdown can't be read back: {source}.")
    try:
        if format == "csv":
            frame = _read_csv(source)
        elif format == "parquet":
            frame = parquet.read_table(source).to_pandas()
        else:
            records = json.loads(source.read_text(encoding="utf-8"))
            frame = pd.DataFrame(records, dtype=object)  # integers stay whole beside missing ones
            known = {column.name for column in COLUMNS}
            others = [name for name in frame if name not in known]
            frame[others] = frame[others].infer_objects()
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise StoreError(f"{source} can't be read as {format}: {error}") from error
    for column in COLUMNS:
        if column.name in frame:
            frame[column.name] = _as_kind(frame[column.name], column.kind)
    return frame


def _format_of(path: Path) -> Format:
    try:
        return _SUFFIXES[path.suffix.lower()]
    except KeyError:
        known = ", ".join(_SUFFIXES)
        raise StoreError(f"The suffix of {path.name} is not one of {known}.") from None


def _is_missing(frame: pd.DataFrame, name: str) -> pd.Series:
    """Tell missing from NaN: only a ``value`` with a metric can be a measured NaN."""
    if name == "value" and "metric" in frame:
        return frame["metric"].isna()
    return frame[name].isna()


def _arrow_table(frame: pd.DataFrame) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    if "value" not in frame:
        return table
    values = pa.array(
        frame["value"].to_numpy(), mask=_is_missing(frame, "value").to_numpy(), from_pandas=False
    )
    return table.set_column(table.schema.get_field_index("value"), "value", values)


def _read_csv(path: Path) -> pd.DataFrame:
    return csv.read_csv(
        path,
        # One block: a row must not straddle two.
        read_options=csv.ReadOptions(block_size=path.stat().st_size + 1),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types={column.name: _ARROW_TYPES[column.kind] for column in COLUMNS},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    ).to_pandas(integer_object_nulls=True)  # as floats, integers from 2⁵³ on would lose digits


def _json(frame: pd.DataFrame) -> str:
    columns = {name: _json_column(frame, name) for name in frame.columns}
    rows = zip(*columns.values(), strict=True)
    records = (dict(zip(columns, row, strict=True)) for row in rows)
    lines = (json.dumps(record, ensure_ascii=False, allow_nan=False) for record in records)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def _json_column(frame: pd.DataFrame, name: str) -> list[object]:
    values = frame[name]
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.map(lambda time: time.isoformat(timespec="microseconds"), na_action="ignore")
    missing = _is_missing(frame, name)
    return [
        None if absent else encode_real(value) if isinstance(value, float) else value
        for value, absent in zip(values.tolist(), missing, strict=True)
    ]


def _as_kind(values: pd.Series, kind: Kind) -> pd.Series:
    if kind == "time":
        return pd.to_datetime(values, utc=True, format="ISO8601").dt.as_unit("us")
    if kind == "real":
        return values.astype(object).where(values.notna(), float("nan")).astype(float)
    return values.astype(DTYPES[kind])


def _markdown(frame: pd.DataFrame) -> str:
    texts = {name: [_markdown_cell(value) for value in frame[name]] for name in frame.columns}
    table = pd.DataFrame(texts, columns=frame.columns)
    table.columns = [_markdown_cell(name) for name in frame.columns]
    return table.to_markdown(index=False, disable_numparse=True) + "\n"


def _markdown_cell(value: object) -> str:
    if pd.isna(value):
        return ""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\r\n", "<br>").replace("\n", "<br>")

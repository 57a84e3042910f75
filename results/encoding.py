"""Values to JSON and back, checked against the schema on both ways.

Strict JSON has no NaN and no infinity. In a ``real`` column they are written as the strings
``"NaN"``, ``"Infinity"`` and ``"-Infinity"``; such a column holds no other string, so nothing is
ambiguous. Times are ISO 8601 in UTC with microseconds. A missing value is left out.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from results.errors import StoreError
from results.schema import Column, Kind, Scope, columns_of

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_WHAT: dict[Kind, str] = {
    "text": "a text",
    "integer": "an integer of 64 bits",
    "real": "a real number",
    "flag": "true or false",
    "time": "a time with its offset from UTC",
}
_JSON_TYPES: dict[Kind, set[type]] = {
    "text": {str},
    "integer": {int},
    "real": {float, str},
    "flag": {bool},
    "time": {str},
}
_BY_SCOPE = {scope: columns_of(scope) for scope in ("run", "value", "seal")}


def encode(scope: Scope, given: Mapping[str, object]) -> dict[str, Any]:
    """Check the columns of one scope and return what JSON is to hold, in the schema's order.

    Parameters
    ----------
    scope
        "run", "value" or "seal".
    given
        Column name to value. ``None`` and ``pd.NA`` are missing. Numpy scalars are welcome. Texts
        that are not valid Unicode (lone surrogates of an undecodable file name) are escaped.

    Raises
    ------
    StoreError
        An unknown column, a value of another kind than its column's, a required column missing.
    """
    columns = _BY_SCOPE[scope]
    for name in given:
        if name not in columns:
            raise StoreError(f"There is no {scope} column {name!r}.")
    encoded = {}
    for name, column in columns.items():
        value = given.get(name)
        if value is not None and value is not pd.NA:
            encoded[name] = _encode_value(column, value)
        elif column.required:
            raise StoreError(f"The {scope} column {name!r} must be given.")
    return encoded


def encode_real(value: float) -> float | str:
    """Return a real as strict JSON can hold it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _encode_value(column: Column, value: object) -> Any:
    if column.kind == "text" and isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if column.kind == "flag" and isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, bool | np.bool_):  # a bool is an Integral to Python, never to a reader
        pass
    elif column.kind == "integer" and isinstance(value, Integral):
        if -(2**63) <= int(value) < 2**63:
            return int(value)
    elif column.kind == "real" and isinstance(value, Real):
        try:
            return encode_real(float(value))
        except OverflowError:
            pass
    elif column.kind == "time" and isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    raise StoreError(f"The column {column.name!r} holds {_WHAT[column.kind]}, not {value!r:.80}.")


def decode_columns(scope: Scope, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Turn what JSON held into one list a column, ``None`` where missing.

    Works a column at a time: a store may have a hundred thousand rows.

    Raises
    ------
    StoreError
        As ``encode``.
    """
    columns = _BY_SCOPE[scope]
    present = set().union(*rows)
    for name in present:
        if name not in columns:
            raise StoreError(f"There is no {scope} column {name!r}.")
    decoded = {}
    for name, column in columns.items():
        values = [row.get(name) for row in rows] if name in present else [None] * len(rows)
        types = set(map(type, values))
        if type(None) in types:
            if column.required:
                raise StoreError(f"The {scope} column {name!r} must be given.")
            types.remove(type(None))
        if types - _JSON_TYPES[column.kind]:
            raise StoreError(f"The column {name!r} holds {_WHAT[column.kind]}.")
        decoded[name] = _decode_values(column, values) if types else values
    return decoded


def _decode_values(column: Column, values: list[Any]) -> list[Any]:
    if column.kind == "real":
        try:
            return [_NON_FINITE[value] if type(value) is str else value for value in values]
        except KeyError as error:
            raise StoreError(f"The column {column.name!r} holds a real number.") from error
    if column.kind == "integer":
        integers = [value for value in values if value is not None]
        if not -(2**63) <= min(integers) <= max(integers) < 2**63:
            raise StoreError(f"The column {column.name!r} holds an integer of 64 bits.")
    if column.kind == "time":
        try:
            times = [None if value is None else datetime.fromisoformat(value) for value in values]
        except ValueError as error:
            raise StoreError(f"The column {column.name!r} holds a time.") from error
        if any(time is not None and time.tzinfo is None for time in times):
            raise StoreError(f"The column {column.name!r} holds a time with its offset from UTC.")
        return times
    return values

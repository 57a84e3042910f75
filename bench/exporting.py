"""Rows, or their table, in a file of a format that other programs read."""

from pathlib import Path

import pandas as pd

import results

FORMATS = ("csv", "parquet", "markdown", "json")


def export_as(format_: str, frame: pd.DataFrame, table: pd.DataFrame, stem: Path) -> Path:
    """Write the rows (`markdown`: the table) to `stem` with the format's ending; returns the file."""
    path = stem.with_name(f"{stem.name}.{'md' if format_ == 'markdown' else format_}")
    results.export(table if format_ == "markdown" else frame, path)
    return path

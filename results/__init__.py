"""Rows, the store, averages, exports and figures; no torch.

A run writes its rows as it measures them, and nothing measured is lost::

    journal = results.Journal.open(store / "a1b2c3", header)      # header: the run columns
    journal.append(phase="score", metric="fid@digits-classifier", value=3.2, final=True)
    journal.seal("ok")

A reader gets one tidy frame, averages it over seeds, prints and exports it::

    frame = results.load("runs")                   # one row a value, every column of results.COLUMNS
    print(results.summary(frame))                  # one row a variant and set of conditions
    table, caption = results.compact_table(frame)  # texts that fit a terminal
    results.time_to_quality(frame, {"fid": 60})    # when each variant's score passed 60 and stayed
    results.export(frame, "rows.parquet")          # or .csv, .json, .md
"""

from results.errors import StoreError
from results.export import export, read_export
from results.figures import plot_monitors
from results.journal import DamagedRowsWarning, Journal, seal_abandoned
from results.quality_table import quality_table
from results.responses import BLIND, plot_responses
from results.scatter import plot_points
from results.schema import COLUMNS, OUTCOMES, SCHEMA_VERSION, Column
from results.store import load, read_run
from results.summary import summary
from results.table import compact_table
from results.throughput_table import compact_throughput_table, throughput_table
from results.time_to_quality import time_to_quality

__all__ = [
    "BLIND",
    "COLUMNS",
    "OUTCOMES",
    "SCHEMA_VERSION",
    "Column",
    "DamagedRowsWarning",
    "Journal",
    "StoreError",
    "compact_table",
    "compact_throughput_table",
    "export",
    "load",
    "plot_monitors",
    "plot_points",
    "plot_responses",
    "quality_table",
    "read_export",
    "read_run",
    "seal_abandoned",
    "summary",
    "throughput_table",
    "time_to_quality",
]

"""Rows, the store, averages, exports and figures; no torch.

A run writes its rows as it measures them, and nothing measured is lost::

    journal = results.Journal.open(store / "a1b2c3", header)      # header: the run columns
    journal.append(phase="score", metric="fid@digits-classifier", value=3.2, final=True)
    journal.seal("ok")

A reader gets one tidy frame, averages it over seeds, prints and exports it::

    frame = results.load("runs")                   # one row a value, every column of results.COLUMNS
    print(results.summary(frame))                  # one row a variant and set of conditions
    table, caption = results.compact_table(frame)  # texts that fit a terminal
    results.styled(frame)                          # the same for a notebook, the best in bold
    results.time_to_quality(frame, {"fid": 60})    # when each variant's score passed 60 and stayed
    results.compare(frame, baseline="dcgan")       # verdicts: better, worse, or too few seeds to tell
    results.export(frame, "rows.parquet")          # or .csv, .json, .md
    results.write_report(frame, "report.html", store="runs")  # verdicts, tables and figures in one file
"""

from results.aggregates import aggregate, aggregate_words
from results.comparison import compare
from results.comparison_rows import COLUMNS as COMPARISON_COLUMNS
from results.comparison_table import comparison_table
from results.conditions import split_conditions
from results.errors import InUseError, StoreError
from results.export import export, read_export
from results.figures import plot_monitors
from results.intervals import Interval, t_interval
from results.journal import DamagedRowsWarning, Journal, seal_abandoned
from results.parzen_figure import plot_parzen_audit
from results.quality_table import quality_table
from results.reporting import write_report
from results.responses import BLIND, plot_responses
from results.scatter import plot_points
from results.schema import COLUMNS, OUTCOMES, SCHEMA_VERSION, Column
from results.selection import curves, default_metric, scores_at
from results.store import load, read_run
from results.store_comparison import compare_stores
from results.styled import styled
from results.summary import summary
from results.table import compact_table
from results.throughput_table import compact_throughput_table, throughput_table
from results.time_to_quality import time_to_quality
from results.tuning import tuned

__all__ = [
    "BLIND",
    "COLUMNS",
    "COMPARISON_COLUMNS",
    "OUTCOMES",
    "SCHEMA_VERSION",
    "Column",
    "DamagedRowsWarning",
    "InUseError",
    "Interval",
    "Journal",
    "StoreError",
    "aggregate",
    "aggregate_words",
    "compact_table",
    "compact_throughput_table",
    "compare",
    "compare_stores",
    "comparison_table",
    "curves",
    "default_metric",
    "export",
    "load",
    "plot_monitors",
    "plot_parzen_audit",
    "plot_points",
    "plot_responses",
    "quality_table",
    "read_export",
    "read_run",
    "scores_at",
    "seal_abandoned",
    "split_conditions",
    "styled",
    "summary",
    "t_interval",
    "throughput_table",
    "time_to_quality",
    "tuned",
    "write_report",
]

"""The values themselves, inside the report: a CSV of the final ones, and all rows compressed."""

import base64
import gzip

import pandas as pd

from results.report.model import Download, Downloads, Section

CSV_BYTES = 250_000
"""Of the CSV of final values, before base64."""
ALL_BYTES = 300_000
"""Of the compressed rows, before base64."""

_FINAL = [
    "variant", "changed", "dataset", "seed", "batch_size", "kimg_budget", "precision", "compile",
    "device_name", "phase", "metric", "value", "unit", "better", "uncertainty", "uncertainty_kind",
    "split", "kimg", "training_sec", "n_real", "n_fake", "protocol_hash", "warnings", "outcome",
    "reason", "training_id",
]  # fmt: skip


def section(frame: pd.DataFrame) -> Section:
    """Links to files that lie in the page itself."""
    files, notes = [], []
    finals = frame[frame["final"].fillna(False) | frame["metric"].isna()]
    # A cell that begins like a formula is one to a spreadsheet.
    table = finals[_FINAL].map(lambda value: f"'{value}" if _like_a_formula(value) else value)
    text = table.to_csv(index=False).encode("utf-8", "backslashreplace")
    if len(text) <= CSV_BYTES:
        label = f"Final values of every run ({len(finals):,} rows, CSV)"
        files.append(_download("final-values.csv", label, "text/csv", text))
    else:
        notes.append(f"The CSV of the final values would take {len(text) / 1e6:.1f} MB and is left out.")
    if len(frame) * 40 <= ALL_BYTES * 8:  # a row takes 40 bytes or more, however well it is compressed
        packed = gzip.compress(
            frame.to_csv(index=False).encode("utf-8", "backslashreplace"), mtime=0, compresslevel=6
        )
    else:
        packed = b""
    if 0 < len(packed) <= ALL_BYTES:
        label = f"Every value and column ({len(frame):,} rows, CSV, gzip)"
        files.append(_download("all-values.csv.gz", label, "application/gzip", packed))
    else:
        notes.append(f"All {len(frame):,} rows would make this file too large: results.export writes them.")
    lead = ("Everything above was made from these numbers.",)
    blocks = (Downloads(files=tuple(files), notes=tuple(notes)),)
    return Section(key="data", title="The data", lead=lead, blocks=blocks)


def _like_a_formula(value: object) -> bool:
    return isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t")


def _download(name: str, label: str, media_type: str, content: bytes) -> Download:
    return Download(
        name=name, label=label, media_type=media_type, base64=base64.b64encode(content).decode(),
        size_bytes=len(content),
    )  # fmt: skip

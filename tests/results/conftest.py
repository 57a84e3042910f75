from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_store import write_store
from rows_to_write import header

import results
from results import Journal


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write one sealed attempt into tmp_path / "runs" and return its file."""

    def write_attempt(
        *values: dict[str, Any],
        outcome: str = "ok",
        flags: tuple[str, ...] = (),
        folder: str | None = None,
        **changes: Any,
    ) -> Path:
        run = header(**changes)
        path = tmp_path / "runs" / (folder or run["training_id"])
        with Journal.open(path, run) as journal:
            for value in values:
                journal.append(**value)
            return journal.seal(outcome, flags=flags)

    return write_attempt


@pytest.fixture(scope="session")
def report_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with everything that a report can show."""
    return write_store(tmp_path_factory.mktemp("report") / "runs")


@pytest.fixture(scope="session")
def report_file(report_store: Path) -> Path:
    """Its report, made once."""
    path = report_store.parent / "report.html"
    results.write_report(results.load(report_store), path, store=report_store)
    return path

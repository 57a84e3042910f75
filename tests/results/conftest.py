from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rows_to_write import header

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

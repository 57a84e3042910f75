"""From what a user calls a run to its checkpoint."""

import difflib
from pathlib import Path

from bench.errors import InputError
from bench.todo import CHECKPOINT


def checkpoint_of(run: str, store: Path) -> Path:
    """The checkpoint that `run` means: a file, a run's folder, or a run of the store by its name's beginning.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    path = Path(run)
    if path.is_file():
        return path
    if (path / CHECKPOINT).is_file():
        return path / CHECKPOINT
    if path.is_dir():
        raise InputError(
            f"The folder {path} has no {CHECKPOINT}: it is not that of a finished run.{_on_the_way(path)}"
        )
    runs = sorted(found.parent.name for found in store.glob(f"*/{CHECKPOINT}"))
    matching = [run] if run in runs else [name for name in runs if name.startswith(run)]
    if len(matching) == 1:
        return store / matching[0] / CHECKPOINT
    if matching:
        raise InputError(f"{run!r} is the beginning of several runs in {store}: {', '.join(matching)}.")
    if not runs:
        raise InputError(
            f"There is no run {run!r}, nor any finished run in the store {store}.{_unfinished(run, store)}"
        )
    near = difflib.get_close_matches(run, runs, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise InputError(
        f"There is no run {run!r} in {store}.{hint} There are: {', '.join(runs)}.{_unfinished(run, store)}"
    )


def _on_the_way(folder: Path) -> str:
    """A hint at the newest checkpoint of a training that has not ended."""
    names = sorted(path.name for path in folder.glob("checkpoint-*.safetensors"))
    return f" Its newest checkpoint on the way is {folder / names[-1]}." if names else ""


def _unfinished(run: str, store: Path) -> str:
    """The same hint for a run that is named by its beginning."""
    matching = sorted(path for path in store.glob("*/") if path.name.startswith(run))
    return _on_the_way(matching[0]) if len(matching) == 1 else ""

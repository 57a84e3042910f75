"""One cell of a launch in this process: whatever concerns it alone is a row."""

from contextlib import suppress

import results
from bench.checkpoints import Checkpointing
from bench.errors import InputError
from bench.execute import execute, identity_of, seal_failure
from bench.grid import Cell
from bench.launch.job import ELSEWHERE, NO_ATTEMPT, Ended, Job, last_attempt
from bench.progress import TrainingProgress
from bench.stopping import Stopped, Stopping
from bench.todo import Todo, todo
from bench.training import unscored_points


def run_cell(job: Job, number: int, cell: Cell, progress: TrainingProgress, stopping: Stopping) -> Ended:
    """Do what is left of one cell, unless another process is running it, and say how it ended.

    Raises
    ------
    InputError
        The store cannot be written, and so no cell could be run. What was measured is kept.
    """
    progress.cell(label(cell), cell.settings.kimg, number)
    ended = left_to_do(job, cell)
    if isinstance(ended, Todo):
        try:
            with results.Journal.reserve(job.store / cell.folder) as journal:
                # Again, now that this cell is nobody else's: another launch may just have done it.
                work = left_to_do(job, cell)
                if isinstance(work, Todo):
                    work = attempt(job, cell, work, journal, progress, stopping)
                ended = work
        except results.InUseError:
            ended = Ended(cell=cell, outcome=ELSEWHERE)
        except (FileExistsError, NotADirectoryError) as error:
            reason = f"{job.store / cell.folder} is no folder ({error.strerror}): move it away."
            ended = Ended(cell=cell, outcome="error", reason=reason)
    tell(ended, progress)
    return ended


def left_to_do(job: Job, cell: Cell) -> Todo | Ended:
    """What is left of a cell; how it ended if that is nothing, or if it has failed since this launch began.

    So a cell fails once in all the launches that go on side by side. One that was killed has not failed, its
    process died over it; nor has one whose time was used up, as this launch may give it more.
    """
    number, outcome, reason = last_attempt(job.store / cell.folder) or NO_ATTEMPT
    since = number > job.attempts_before[cell.training_id]
    if since and outcome not in ("", "ok", "killed", "timeout"):
        return Ended(cell=cell, outcome=outcome, reason=reason, note=f"{outcome} in another launch: {reason}")
    work = todo(
        cell,
        job.scorings[cell.dataset.name],
        job.store,
        rerun=job.options.rerun and not (since and trained_since(job, cell)),
    )
    if work.kind != "nothing":
        return work
    with suppress(results.InUseError):  # its process may have died between sealing the rows and renaming them
        results.seal_abandoned(job.store / cell.folder)
    if since:
        return Ended(cell=cell, outcome=work.outcome, note="has been done by another launch.")
    note = not_on_the_way(job, cell) or "is done already; --rerun does it again."
    return Ended(cell=cell, outcome=work.outcome, reason=reason, note=note)


def trained_since(job: Job, cell: Cell) -> bool:
    """Whether a cell has been trained anew since this launch began, or by another launch to its end.

    What `--rerun` asks for has then begun: a cell that is submitted again, because a machine was lost over
    it, goes on from there.
    """
    rows = results.read_run(job.store / cell.folder)
    since = rows["trained"].fillna(False) & rows["attempt"].gt(job.attempts_before[cell.training_id])
    done = rows["outcome"].eq("ok").fillna(False)  # missing while it goes on
    return bool((since & (done | rows["resumed_kimg"].isna())).any())


def not_on_the_way(job: Job, cell: Cell) -> str:
    """What to say of a finished training that was to be scored on the way and was not."""
    if not unscored_points(cell, job.store / cell.folder, job.options.eval_every):
        return ""
    return "is trained already; --rerun trains again to score it on the way (--eval-every)."


def tell(ended: Ended, progress: TrainingProgress) -> None:
    """Say how a cell ended, where there is more to it than its scores."""
    if words := words_for(ended):
        progress.say(words)


def words_for(ended: Ended) -> str:
    """How a cell ended, "" if there is no more to it than its scores."""
    if ended.outcome == ELSEWHERE:
        return "is being run by another process and left to it."
    if ended.note:
        return ended.note
    if ended.outcome == "ok":
        return ""
    return f"{ended.outcome}: {ended.reason}" if ended.reason else ended.outcome


def attempt(
    job: Job,
    cell: Cell,
    work: Todo,
    journal: results.Journal,
    progress: TrainingProgress,
    stopping: Stopping,
) -> Ended:
    """Execute a cell in its journal; what fails around the training is a row, too."""
    if work.kind == "score" and (note := not_on_the_way(job, cell)):
        progress.say(note)
    try:
        outcome, reason = execute(
            cell,
            job.scorings[cell.dataset.name],
            work,
            journal,
            eval_every=job.options.eval_every,
            track=job.track,
            command=job.command,
            progress=progress,
            stopping=stopping,
            checkpointing=Checkpointing(
                every_sec=job.options.checkpoint_every, keep=job.options.keep_checkpoints
            ),
            timeout_sec=job.options.timeout,
            team=job.team,
        )
    except (InputError, Stopped):
        raise
    except BaseException as error:  # SystemExit, too: a variant's code is not who ends a launch
        if not journal.begun:
            # Nothing of it was trained, so that the attempts before stay those that count.
            journal.begin(identity_of(cell, job.command, trained=False))
        outcome, reason = seal_failure(journal, error, stopping)
    return Ended(cell=cell, outcome=outcome, reason=reason)


def label(cell: Cell) -> str:
    """A cell's name for the progress display; with its settings where the launch varies them."""
    settings = f" with {cell.changed or 'nothing changed'}" if cell.tuning_axes else ""
    return f"{cell.variant.name}{settings} on {cell.dataset.name}, seed {cell.settings.seed}"

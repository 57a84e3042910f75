"""Every column of a store: its name, what it holds and where it is known.

A column is written where it becomes known, and only there:

======  ==============================================================
scope   written
======  ==============================================================
run     once, in the first line of a row file: the same for all its rows
value   on each row's own line
seal    once, in the last line, when the run has ended
place   nowhere: read off the file's name and folder
======  ==============================================================

A loaded frame has all of them, always, in the order of ``COLUMNS``.
"""

from dataclasses import dataclass
from typing import Literal

SCHEMA_VERSION = 6
"""Version of the row files. Any change of ``COLUMNS`` raises it; columns that an older file lacks are read
as missing.

2: ``images_skipped``. 3: ``backend``, ``purpose``. 4: ``tuning_axes``. 5: ``resumed_kimg``.
6: ``processes``.
"""

Kind = Literal["text", "integer", "real", "flag", "time"]
Scope = Literal["run", "value", "seal", "place"]

DTYPES: dict[Kind, str] = {
    "text": "string",
    "integer": "Int64",
    "real": "float64",
    "flag": "boolean",
    "time": "datetime64[us, UTC]",
}
"""The pandas dtype of each kind.

A missing value is ``pd.NA`` (``NaT`` for times). Reals have no missing value of their own: NaN is
"not known" in every real column but ``value``, which each measured row must give, so that a NaN
there is what was measured. The one frame row with nothing measured (a run that ended before its
first value) is told by its missing ``metric``.
"""

OUTCOMES: dict[str, str] = {
    "ok": "reached the end of its budget, and everything asked for was measured",
    "diverged": "a loss or a weight became non-finite",
    "oom": "the device or the machine ran out of memory",
    "timeout": "the time allowed for the cell was used up",
    "error": "an exception ended it; the reason has its message",
    "killed": "it was interrupted, or its process ended without a word",
    "unsupported": "this machine or this variant can't do what the cell asks for",
    "fast-but-wrong": "its precision or compile mode changed what is learned, so its speed is void",
}
"""How a run can end. Only the values of ``ok`` runs enter an average; every outcome is counted."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its name, kind of value, where it is written and what it means."""

    name: str
    kind: Kind
    scope: Scope
    doc: str
    required: bool = False


def _columns(scope: Scope, *columns: tuple[str, Kind, str]) -> tuple[Column, ...]:
    return tuple(
        Column(name=name.rstrip("!"), kind=kind, scope=scope, doc=doc, required=name.endswith("!"))
        for name, kind, doc in columns
    )


# A name that ends in "!" must be given; every other column may be missing.
COLUMNS: tuple[Column, ...] = (
    *_columns(
        "place",
        ("run_folder", "text", "name of the cell's folder in the store"),
        ("attempt", "integer", "0, 1, …: the number in the row file's name"),
    ),
    *_columns(
        "run",
        ("training_id!", "text", "hash of the training configuration, variant version and data"),
        ("trained!", "flag", "this attempt trained; false: it only scored a finished training"),
        (
            "purpose",
            "text",
            "throughput: steps were timed, nothing was trained; missing: training or scoring",
        ),
        ("variant!", "text", "name of the GAN recipe"),
        (
            "variant_version",
            "text",
            "version of the recipe; a change of what is learned raises it; of a pile, hash of its content",
        ),
        ("dataset!", "text", "name of the real data"),
        ("dataset_fingerprint", "text", "hash of the data's content and splits"),
        ("image_shape", "text", "channels x height x width, as 1x16x16; 2 for points in the plane"),
        ("images_skipped", "integer", "files of the data set that could not be read, left out as asked"),
        ("seed", "integer", "what every random generator of the run derives from"),
        ("batch_size", "integer", "real images in one discriminator update, over all processes"),
        ("kimg_budget", "real", "budget: generator steps x batch / 1000"),
        ("device", "text", "cpu or cuda"),
        ("precision", "text", "arithmetic of the networks: fp32, tf32, amp-bf16 or amp-fp16"),
        ("compile", "text", "compile mode of the training step; off: eager"),
        ("backend", "text", "switches that change speed or results unseen, as they were in training, JSON"),
        ("settings", "text", "the whole training configuration, JSON"),
        ("changed", "text", "fields changed from the recipe's own, as --set would; empty: none"),
        (
            "tuning_axes",
            "text",
            "fields that the launch varied, with all their values, as in --set; empty or missing: none",
        ),
        (
            "resumed_kimg",
            "real",
            "this attempt went on from a checkpoint of the ones before it, taken then; missing: from nothing",
        ),
        ("gan_bench_version", "text", "version of this package"),
        ("git_commit", "text", "commit of this package's checkout, -dirty if changed"),
        ("python_version", "text", "version of Python"),
        ("torch_version", "text", "version of torch"),
        ("torchvision_version", "text", "version of torchvision"),
        ("numpy_version", "text", "version of numpy"),
        ("platform", "text", "operating system and processor architecture"),
        ("device_name", "text", "model of the GPU or CPU"),
        ("cpu_threads", "integer", "threads torch may use on the CPU, in each process"),
        ("processes", "integer", "how many shared each batch, one a device; missing: one process"),
        ("command", "text", "the command line that started the run"),
        ("started_utc", "time", "when the attempt started, UTC"),
    ),
    *_columns(
        "value",
        ("phase!", "text", "training: a cost; score: a score of samples; throughput: timed steps"),
        ("metric!", "text", "what was measured, as fid@digits-classifier or images_per_sec"),
        ("value!", "real", "the measured value; NaN and infinities are values"),
        ("unit", "text", "unit of the value, empty for a pure number"),
        ("better", "text", "lower or higher: which way is better; missing where neither is"),
        ("uncertainty", "real", "uncertainty within this run, in the value's unit"),
        ("uncertainty_kind", "text", "what the uncertainty is, as standard error"),
        ("n_real", "integer", "real images that entered the value"),
        ("n_fake", "integer", "generated images that entered the value"),
        ("kimg", "real", "generator steps x batch / 1000 when the value was taken"),
        ("training_sec", "real", "seconds of training spent until then, scoring excluded"),
        ("real_images", "integer", "real images the discriminator had seen until then"),
        ("protocol_hash", "text", "hash of the conditions of the score: only equal ones compare"),
        ("protocol", "text", "the conditions of the score, JSON"),
        ("split", "text", "split of the real data that was compared with: test or validation"),
        ("final", "flag", "taken at the end of the budget"),
        ("details", "text", "anything else about the value, JSON"),
        ("warnings", "text", "what to know before trusting the value; missing: nothing"),
    ),
    *_columns(
        "seal",
        ("outcome!", "text", "how the run ended, one of OUTCOMES; missing: it has not"),
        ("reason", "text", "the outcome in a sentence, empty for ok"),
        ("flags", "text", "what was noticed about the training, comma-separated"),
    ),
)
"""Every column, in the order of the loaded frame. The ``doc`` is the explanation."""


def columns_of(scope: Scope) -> dict[str, Column]:
    """Return the columns of one scope by name, in their order."""
    return {column.name: column for column in COLUMNS if column.scope == scope}

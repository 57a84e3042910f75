"""The launchers by name, and which options go with which."""

import argparse
import importlib
from collections.abc import Callable, Iterator

from bench.errors import InputError
from bench.launch.job import Ended, Job
from bench.stopping import Stopping

Launcher = Callable[[Job, Stopping], Iterator[Ended]]

LAUNCHERS = {"here": "", "local": "", "ray": "ray", "slurm": "slurm"}
"""The extra that each launcher needs ("" if none), by its name, which is also its module's."""

CLUSTERS = ("ray", "slurm")
"""Launchers that reserve what each cell needs on machines other than the launch's."""

ONLY_WITH = {
    "jobs": ("local", *CLUSTERS),
    "gpus_per_cell": CLUSTERS,
    "cpus_per_cell": CLUSTERS,
    "ray_address": ("ray",),
    "slurm": ("slurm",),
}
"""Options, as fields, and the launchers that have them."""


def launcher_for(options: argparse.Namespace) -> Launcher:
    """The launcher that a command line names.

    Raises
    ------
    InputError
        It needs a package that is not installed, or an option does not go with it.
    """
    name = options.launcher
    for option, launchers in ONLY_WITH.items():
        if getattr(options, option) is not None and name not in launchers:
            spelled = option.replace("_", "-")
            names = " or ".join(filter(None, (", ".join(launchers[:-1]), launchers[-1])))
            raise InputError(f"--{spelled} goes with --launcher {names}, not with {name}.")
    if name in CLUSTERS and options.device.startswith("cuda") and options.gpus_per_cell is None:
        raise InputError(f"--device {options.device} with --launcher {name} needs --gpus-per-cell.")
    if options.gpus_per_cell is not None and options.device not in ("auto", "cuda"):
        raise InputError(f"--gpus-per-cell chooses the devices; leave --device {options.device} out.")
    try:
        launch: Launcher = importlib.import_module(f"bench.launch.{name}").launch
    except ImportError as missing:
        if not LAUNCHERS[name]:
            raise
        raise InputError(
            f"--launcher {name} needs a package that is not installed ({missing}): "
            f"python -m pip install 'gan-bench[{LAUNCHERS[name]}]'."
        ) from missing
    return launch

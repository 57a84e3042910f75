"""A real Ray cluster on this machine, and the processes of its tasks (Linux)."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster


@contextlib.contextmanager
def two_nodes() -> "Iterator[Cluster]":
    """A cluster of two nodes with a processor each."""
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        nodes.add_node(num_cpus=1)
        yield nodes
    finally:
        nodes.shutdown()


def workers(cluster: "Cluster") -> list[int]:
    """The processes that have a cell's task: children of this cluster's raylets, and of no other's."""
    raylets = {
        f"PPid:\t{process.pid}\n"
        for node in cluster.list_all_nodes()
        for name, process in node.live_processes()
        if name == "raylet"
    }
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            titled = (folder / "cmdline").read_text().startswith("ray::gan-bench cell")
            if titled and any(line in (folder / "status").read_text() for line in raylets):
                found.append(int(folder.name))
    return found


def training_ids(worker: int) -> list[str]:
    """The trainings of the cells that a worker attends at present: one, or none."""
    found = []
    for children in Path(f"/proc/{worker}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
                if "bench.launch.cell" in words:
                    found.append(words[words.index("bench.launch.cell") + 1])
    return found

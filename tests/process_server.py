"""Where tests get processes that do not import torch each anew, nor share this process's threads."""

import multiprocessing
from multiprocessing.context import ForkServerContext

# There is one such server in a process, for the tests of every folder: whoever starts it starts it for all.
IMPORTED = (
    "bench.run",
    "pytest",
    "sklearn.datasets",
    "torch._dynamo",
    "torch.distributed.distributed_c10d",
)


def process_server() -> ForkServerContext:
    """A context whose processes are forked from one that has imported all that a run needs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    return context

"""Shares the processor among the processes of `pytest -n`, before any test imports torch."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # Processes that each start a thread a core wait for one another at every step of every training.
    share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, share)))

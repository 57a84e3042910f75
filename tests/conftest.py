"""What holds for all tests, before any of them imports torch."""

import os
import signal

# A shell's `&` and `nohup` start programs that ignore these; the tests of signals want to be heard.
for name in ("SIGINT", "SIGHUP"):
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
        handler = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
        signal.signal(getattr(signal, name), handler)

if "PYTEST_XDIST_WORKER" in os.environ:
    # Processes that each start a thread a core wait for one another at every step of every training.
    share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, share)))

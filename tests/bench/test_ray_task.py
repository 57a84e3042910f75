"""What a task does when Ray cancels it, without Ray."""

import _thread
import signal
import threading

from bench.launch import ray_task
from bench.launch.cell_process import ProcessSpec


class Endless:
    """A cell's process that goes on until it is ended."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.ended = False

    def poll(self) -> None:
        return None

    def tell(self, signum: int) -> None:
        self.told.append(signum)

    def end(self) -> None:
        self.ended = True


def test_a_cancelled_task_tells_its_cell_to_end(monkeypatch):
    process = Endless()
    monkeypatch.setattr(ray_task, "CellProcess", lambda *_: process)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored below a script's `&`
    cancel = threading.Timer(0.2, _thread.interrupt_main)  # as Ray does it
    cancel.start()
    try:
        assert list(ray_task.run_task(ProcessSpec(arguments=(), limit_sec=None))) == []
    finally:
        cancel.join()
        signal.signal(signal.SIGINT, before)
    assert process.told == [signal.SIGTERM]
    assert process.ended

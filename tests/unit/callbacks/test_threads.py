"""CPU threads of a training: how many at its start, and what a load of other processes does to them."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from scalemogen.callbacks import Threads, threads
from scalemogen.machine import Load


class Clock:
    """Seconds that pass, and cores that others use from now on, as `Load.read` reports them."""

    def __init__(self) -> None:
        self.moment = self.everyone = 0.0

    def read(self) -> Load:
        return Load(self.moment, 4, self.everyone, 0.0)

    def wait(self, seconds: float, busy: float) -> None:
        self.moment += seconds
        self.everyone += seconds * busy


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Make a machine of four cores on which nobody chose a number of threads."""
    clock = Clock()
    monkeypatch.setattr(threads.Load, "read", clock.read)
    monkeypatch.setattr(threads.time, "monotonic", lambda: clock.moment)
    monkeypatch.setattr(threads, "allowed_cores", lambda: 4)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield clock
    torch.set_num_threads(before)


def trainer(device: str = "cpu", processes: int = 1) -> Any:
    return SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device(device)), num_devices=processes)


def run(callback: Threads, clock: Clock, busy: list[float], trainer: Any, seconds: float = 1.0) -> list[int]:
    """Take one step for each number of busy cores; returns the threads after each."""
    found, module = [], torch.nn.Module()
    callback.setup(trainer, module, "fit")  # type: ignore[arg-type]
    for cores in busy:
        clock.wait(seconds, cores)
        callback.on_train_batch_end(trainer, module)  # type: ignore[arg-type]
        found.append(torch.get_num_threads())
    return found


def test_threads_follow_the_load(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    callback = Threads()
    with caplog.at_level("INFO"):
        found = run(callback, clock, [0.1, 2.2, 1.0, 0.0, 0.0, 0.0, 3.0], trainer())
    assert found == [4, 2, 2, 2, 3, 4, 1]
    assert [record.getMessage() for record in caplog.records] == [
        "threads: 2 instead of 4, other processes use 2.2 of 4 cores; from here on as many as are free"
    ]
    callback.teardown(trainer(), torch.nn.Module(), "fit")  # type: ignore[arg-type]
    assert torch.get_num_threads() == 4  # else the next stage of the same process could never have more


def test_the_load_is_read_about_once_a_second(clock: Clock) -> None:
    assert run(Threads(), clock, [3.0] * 6, trainer(), seconds=0.3) == [4, 4, 4, 1, 1, 1]


def test_a_quota_bounds_the_threads(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "allowed_cores", lambda: 2)
    assert run(Threads(), clock, [0.0, 2.4], trainer()) == [2, 2]


@pytest.mark.parametrize("case", ["number", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "gpu", "processes", "deterministic"])
def test_what_is_chosen_already_is_left_alone(case: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    if case.endswith("_NUM_THREADS"):
        monkeypatch.setenv(case, "4")
    if case == "deterministic":
        monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: True)
    where = trainer("meta" if case == "gpu" else "cpu", 2 if case == "processes" else 1)
    wanted = 3 if case == "number" else 4
    assert run(Threads(3 if case == "number" else None), clock, [3.0, 3.0], where) == [wanted, wanted]


def test_a_system_that_tells_no_load_is_left_alone(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads.Load, "read", lambda: None)
    assert run(Threads(), clock, [3.0], trainer()) == [4]

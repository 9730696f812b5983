"""What a training prints where no terminal shows a bar."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from scalemogen.cli import progress
from scalemogen.cli.progress import Bar, Lines


def trainer(step: int) -> Any:
    state = SimpleNamespace(fn="fit")
    figures = {"val/loss": math.pi, "val/other": 1.0}
    return SimpleNamespace(
        global_step=step, estimated_stepping_batches=100, state=state, sanity_checking=False, callback_metrics=figures
    )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    moments = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: moments[0])
    monkeypatch.setattr(Lines, "get_metrics", lambda *_: {"v_num": "ab1", "loss": 0.5})
    return moments


def test_a_pipe_gets_a_line_now_and_then(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    lines, module = Lines(), SimpleNamespace()
    lines.on_train_start(trainer(0), module)
    for step in range(1, 81):
        clock[0] = float(step)
        lines.on_train_batch_end(trainer(step), module, None, None, step)
    told = capsys.readouterr().err.splitlines()
    assert told == [
        f"step {step} of 100, 1.00 a second, about {round((100 - step) / 60)} min left, loss 0.5"
        for step in (20, 40, 60, 80)
    ]
    lines.on_validation_end(trainer(80), module)
    told = capsys.readouterr().err
    assert told.startswith("validated, step 80 of 100")
    assert told.endswith("loss 0.5, val/loss 3.142\n")


def test_other_processes_say_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.disable()
    clock[0] = 100.0
    lines.on_train_batch_end(trainer(20), SimpleNamespace(), None, None, 0)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert isinstance(progress.progress(), Bar)
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    assert isinstance(progress.progress(), Lines)

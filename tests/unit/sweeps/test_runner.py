"""Runs as processes: side by side, failing alone, stopped together, found again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from scalemogen.errors import UserError
from scalemogen.sweeps import Job, kept_outcome, only_sweep_in, run_jobs

SCORE = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[-1])
(folder / "result.json").write_text(json.dumps({"figures": {"score": 2.0}}))
"""


def job(folder: Path, name: str, code: str) -> Job:
    run = folder / name
    return Job({"name": name}, (sys.executable, "-c", code, "--run", str(run)), name, run)


def test_runs_go_side_by_side_and_fail_alone(tmp_path: Path) -> None:
    meet = "import os, time\nopen(sys.argv[-1] + '/here', 'w')\nother = sys.argv[-1].replace({0}, {1})\n"
    meet += (
        "end = time.time() + 30\nwhile not os.path.exists(other + '/here'): assert time.time() < end; time.sleep(.01)"
    )
    jobs = [
        job(tmp_path, "left", SCORE + meet.format("'left'", "'right'")),
        job(tmp_path, "right", SCORE + meet.format("'right'", "'left'")),
        job(tmp_path, "broken", "print('bar 10%\\rbar 20%'); raise SystemExit('no such thing')"),
        job(tmp_path, "silent", "pass"),
        job(tmp_path, "stopped", SCORE + "raise SystemExit(143)"),
        job(tmp_path, "killed", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
    ]
    with only_sweep_in(tmp_path) as lock:
        found = {outcome.digest: outcome for outcome in run_jobs(jobs, 2, lock)}
    assert {name: outcome.status for name, outcome in found.items()} == {
        **dict.fromkeys(("left", "right"), "done"),
        **dict.fromkeys(("broken", "silent", "stopped", "killed"), "failed"),
    }
    assert found["left"].figures == {"score": 2.0}
    assert found["broken"].message.splitlines() == ["bar 20%", "no such thing", "exit status 1"]
    assert "neither result.json nor metrics.csv" in found["silent"].message
    assert "stopped by SIGTERM; the next sweep goes on with it" in found["stopped"].message
    assert "SIGKILL" in found["killed"].message
    assert [kept_outcome(each) is not None for each in jobs] == [True, True, False, False, False, False]


def test_leaving_stops_what_runs(tmp_path: Path) -> None:
    wait = "import time, sys\nopen(sys.argv[-1] + '/here', 'w')\n"
    wait += "try: time.sleep(60)\nexcept KeyboardInterrupt: open(sys.argv[-1] + '/saved', 'w')"
    jobs = [job(tmp_path, "quick", SCORE), job(tmp_path, "slow", wait), job(tmp_path, "later", SCORE)]
    started = time.monotonic()
    with only_sweep_in(tmp_path) as lock, closing(run_jobs(jobs, 2, lock)) as outcomes:
        assert next(outcomes).digest == "quick"
        while not (tmp_path / "slow" / "here").exists():
            assert time.monotonic() < started + 30
            time.sleep(0.01)
    assert (tmp_path / "slow" / "saved").exists()
    assert time.monotonic() < started + 40


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    missing = Job({}, ("/no/such/program",), "x", tmp_path / "x")
    with only_sweep_in(tmp_path) as lock, pytest.raises(UserError, match="/no/such/program"):
        list(run_jobs([missing], 1, lock))


def test_two_sweeps_do_not_share_a_folder(tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    with only_sweep_in(tmp_path), pytest.raises(UserError, match="in use"), only_sweep_in(tmp_path):
        pass
    assert signal.getsignal(signal.SIGTERM) is handler
    with only_sweep_in(tmp_path):
        pass


def test_a_run_that_outlives_its_sweep_holds_the_folder(tmp_path: Path) -> None:
    with only_sweep_in(tmp_path) as lock:
        orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=(lock,))
    with pytest.raises(UserError, match="a run it left behind"), only_sweep_in(tmp_path):
        pass
    orphan.kill()
    orphan.wait()
    with only_sweep_in(tmp_path):
        pass


def test_a_request_to_terminate_counts_as_an_interrupt(tmp_path: Path) -> None:
    def terminate() -> None:
        with only_sweep_in(tmp_path):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        terminate()


def test_several_runs_share_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    code = "import os, pathlib, sys, json\nvalue = float(os.environ.get('OMP_NUM_THREADS', 0))\n"
    code += "pathlib.Path(sys.argv[-1], 'result.json').write_text(json.dumps({'figures': {'threads': value}}))"
    with only_sweep_in(tmp_path) as lock:
        (alone,) = run_jobs([job(tmp_path, "alone", code)], 1, lock)
        (beside,) = run_jobs([job(tmp_path, "beside", code)], 2, lock)
    assert alone.figures == {"threads": 0.0}
    assert beside.figures["threads"] == max(1, len(os.sched_getaffinity(0)) // 2)
    assert json.loads((tmp_path / "beside" / "outcome.json").read_text())["status"] == "done"

"""Runs as processes: side by side, failing alone, stopped together, found again, never done by two."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from scalemogen.errors import UserError
from scalemogen.sweeps import Job, Outcome, orderly, read_outcome, run_jobs

SCORE = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[-1])
with (folder / "calls").open("a") as calls:
    calls.write("x")
(folder / "result.json").write_text(json.dumps({"figures": {"score": 2.0}}))
"""
WAIT = "import os, sys, time\nopen(sys.argv[-1] + '/here', 'w').write(str(os.getpid()))\n"
WAIT += "while not os.path.exists(sys.argv[-1] + '/go'): time.sleep(.01)\n"
RUNNER = """
import sys
from pathlib import Path
from scalemogen.sweeps import Job, run_jobs
folder = Path(sys.argv[1])
list(run_jobs([Job({}, (sys.executable, "-c", sys.argv[2], "--run", str(folder)), folder.name, folder)], 1))
"""


def job(folder: Path, name: str, code: str) -> Job:
    run = folder / name
    return Job({"name": name}, (sys.executable, "-c", code, "--run", str(run)), name, run)


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def calls(run: Job) -> int:
    return len((run.folder / "calls").read_text())


def test_runs_go_side_by_side_and_fail_alone(tmp_path: Path) -> None:
    meet = "import os, time\nopen(sys.argv[-1] + '/here', 'w')\nother = sys.argv[-1].replace({0}, {1})\n"
    meet += (
        "end = time.time() + 30\nwhile not os.path.exists(other + '/here'): assert time.time() < end; time.sleep(.01)"
    )
    jobs = [
        job(tmp_path, "left", SCORE + meet.format("'left'", "'right'")),
        job(tmp_path, "right", SCORE + meet.format("'right'", "'left'")),
        job(tmp_path, "broken", SCORE + "print('bar 10%\\rbar 20%'); raise SystemExit('no such thing')"),
        job(tmp_path, "silent", "pass"),
        job(tmp_path, "stopped", SCORE + "raise SystemExit(143)"),
        job(tmp_path, "killed", SCORE + "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
    ]
    found = {outcome.digest: outcome for outcome in run_jobs(jobs, 2)}
    assert {name: outcome.status for name, outcome in found.items()} == {
        **dict.fromkeys(("left", "right"), "done"),
        **dict.fromkeys(("broken", "silent", "stopped", "killed"), "failed"),
    }
    assert found["left"].figures == {"score": 2.0}
    assert found["broken"].message.splitlines() == ["bar 20%", "no such thing", "exit status 1"]
    assert "neither result.json nor metrics.csv" in found["silent"].message
    assert "stopped by SIGTERM; the next sweep goes on with it" in found["stopped"].message
    assert "ended by SIGKILL" in found["killed"].message
    assert [read_outcome(each) == found[each.digest] for each in jobs] == [True] * 6
    assert [calls(each) for each in (jobs[0], jobs[2], jobs[4], jobs[5])] == [1, 1, 2, 2]  # a signal: once more

    again = {outcome.digest: outcome for outcome in run_jobs(jobs, 2)}
    assert [calls(each) for each in (jobs[0], jobs[2])] == [1, 2]  # done: left alone; failed: tried again
    assert again["left"] == found["left"]


def test_leaving_stops_what_runs(tmp_path: Path) -> None:
    wait = "import time, sys\nopen(sys.argv[-1] + '/here', 'w')\n"
    wait += "try: time.sleep(60)\nexcept KeyboardInterrupt: open(sys.argv[-1] + '/saved', 'w')"
    jobs = [job(tmp_path, "quick", SCORE), job(tmp_path, "slow", wait), job(tmp_path, "later", SCORE)]
    started = time.monotonic()
    with closing(run_jobs(jobs, 2)) as outcomes:
        assert next(outcomes).digest == "quick"
        until((tmp_path / "slow" / "here").exists)
    assert (tmp_path / "slow" / "saved").exists()
    assert time.monotonic() < started + 40


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    missing = Job({}, ("/no/such/program",), "x", tmp_path / "x")
    with pytest.raises(UserError, match="/no/such/program"):
        list(run_jobs([missing], 1))


def test_two_sweeps_share_a_folder_and_its_runs(tmp_path: Path) -> None:
    jobs = [job(tmp_path, str(number), SCORE + "import time; time.sleep(.3)") for number in range(4)]
    found: dict[str, list[Outcome]] = {"first": [], "second": []}
    threads = [Thread(target=lambda name=name: found[name].extend(run_jobs(jobs, 1))) for name in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for outcomes in found.values():
        assert sorted(outcome.digest for outcome in outcomes) == ["0", "1", "2", "3"]
        assert {outcome.status for outcome in outcomes} == {"done"}
    assert [calls(each) for each in jobs] == [1, 1, 1, 1]


def test_a_failed_run_is_tried_by_one_of_two_sweeps(tmp_path: Path) -> None:
    run = job(tmp_path, "broken", SCORE + WAIT + "sys.exit('no')")
    found: list[Outcome] = []
    thread = Thread(target=lambda: found.extend(run_jobs([run], 1)))
    thread.start()
    until((run.folder / "here").exists)
    said: list[str] = []
    other = run_jobs([run], 1, say=lambda text: (said.append(text), (run.folder / "go").touch()))
    assert next(other).message == "no\nexit status 1"
    thread.join()
    assert calls(run) == 1
    assert "waiting for run broken, at work: " in said[0]


@pytest.mark.parametrize("end", ["finishes", "is killed"])
def test_a_run_that_outlives_its_runner_is_adopted(tmp_path: Path, end: str) -> None:
    run = job(tmp_path, "orphan", SCORE + WAIT)
    runner = subprocess.Popen([sys.executable, "-c", RUNNER, str(run.folder), SCORE + WAIT])
    until((run.folder / "here").exists)
    runner.kill()
    runner.wait()
    orphan = int((run.folder / "here").read_text())
    os.kill(orphan, 0)  # it goes on
    other = job(tmp_path, "other", SCORE)

    def act(text: str) -> None:
        assert "waiting for run orphan" in text
        assert calls(run) == 1
        assert not other.folder.exists()  # one at a time
        (run.folder / "go").touch()
        if end == "is killed":
            os.kill(orphan, signal.SIGKILL)

    outcomes = list(run_jobs([run, other], 1, say=act))
    assert {outcome.digest: outcome.status for outcome in outcomes} == {"orphan": "done", "other": "done"}
    assert calls(run) == (1 if end == "finishes" else 2)


def test_a_request_to_terminate_counts_as_an_interrupt() -> None:
    handler = signal.getsignal(signal.SIGTERM)

    def terminate() -> None:
        with orderly():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        terminate()
    assert signal.getsignal(signal.SIGTERM) is handler


def test_several_runs_share_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    code = "import os, pathlib, sys, json\nvalue = float(os.environ.get('OMP_NUM_THREADS', 0))\n"
    code += "pathlib.Path(sys.argv[-1], 'result.json').write_text(json.dumps({'figures': {'threads': value}}))"
    (alone,) = run_jobs([job(tmp_path, "alone", code)], 1)
    (beside,) = run_jobs([job(tmp_path, "beside", code)], 2)
    assert alone.figures == {"threads": 0.0}
    assert beside.figures["threads"] == max(1, len(os.sched_getaffinity(0)) // 2)
    assert json.loads((tmp_path / "beside" / "outcome.json").read_text())["status"] == "done"


def test_runs_are_no_tasks_of_the_job_that_the_sweep_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SLURM_NTASKS", "2"), ("SLURM_PROCID", "1"), ("SLURM_JOB_ID", "7")):
        monkeypatch.setenv(name, value)
    code = SCORE + "import os; print(*sorted(name for name in os.environ if name.startswith('SLURM_'))); sys.exit(1)"
    (outcome,) = run_jobs([job(tmp_path, "run", code)], 1)
    assert outcome.message.splitlines()[0] == "SLURM_JOB_ID"


def test_time_counts_over_all_attempts(tmp_path: Path) -> None:
    code = SCORE + "import time; time.sleep(1); raise SystemExit(0 if (folder / 'calls').stat().st_size > 1 else 143)"
    (outcome,) = run_jobs([job(tmp_path, "again", code)], 1)
    assert outcome.status == "done"
    assert 2 <= outcome.seconds < 10

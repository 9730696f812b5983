"""What a W&B run holds, read back from the disk of runs without a server; and runs whose server does not answer."""

from __future__ import annotations

import csv
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import wandb

from helpers.source import ROOT
from helpers.training import STAGES, options
from helpers.wandb_log import Log
from scalemogen.callbacks.lineage import record
from scalemogen.cli import run_loggers
from scalemogen.cli.main import main
from scalemogen.cli.run_loggers import RunLogger, finished_wandb
from scalemogen.errors import UserError

PLAIN = ["--trainer.enable_progress_bar=false", "--trainer.log_every_n_steps=1", "--trainer.max_steps=4"]
BESIDE = {"_step", "_runtime", "_timestamp", "trainer/global_step", "epoch", "step"}
"""Columns that are no figures."""
GROUP = "scales-and-bits"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Train all stages with loggers, as parts of a sweep; returns their folders."""
    place = tmp_path_factory.mktemp("wandb")
    folders = {stage: place / stage for stage in STAGES}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_RUN_GROUP", GROUP)
        for stage, folder in folders.items():
            more = [f"--run={folder}", f"--samples.every={int(stage == 'tokenizer')}", "--samples.count=1"]
            if stage == "ar":
                more.append(f"--model.tokenizer={place / 'tokenizer' / 'model'}")
            assert main([stage, "fit", *options(stage, place / "data"), *PLAIN, *more]) == 0
    wandb.teardown()  # what has been logged is on disk
    return folders


@pytest.fixture(scope="module")
def logs(runs: dict[str, Path]) -> dict[str, Log]:
    return {stage: Log(folder) for stage, folder in runs.items()}


def columns(folder: Path) -> dict[str, list[float]]:
    """Return the figures of metrics.csv by name, in the order of rows."""
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows if row[name]] for name in rows[0] if name not in BESIDE}


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_says_what_it_is_made_of(stage: str, runs: dict[str, Path], logs: dict[str, Log]) -> None:
    """The configuration was once empty, and there was no group."""
    log, folder = logs[stage], runs[stage]
    assert (log.run.job_type, log.run.run_group, log.status) == (stage, GROUP, 0)
    assert log.run.display_name == f"{stage}/{stage}"
    assert log.config["model"]["text" if stage != "tokenizer" else "width"] is not None
    assert log.config["data"]["init_args"]["clips"] == 30
    assert log.config["trainer"]["max_steps"] == 4
    assert log.config["finite"] == {"patience": 20}
    origin = log.config["origin"]
    content = json.loads((folder / "run.json").read_text())
    assert content["origin"] == origin
    assert content["recipe"] == {name: value for name, value in log.config.items() if name in content["recipe"]}
    assert origin["stage"] == stage
    assert origin["command"].startswith(f"scalemogen {stage} fit --config ")
    assert (origin["commit"] is None) or len(origin["commit"].rstrip("+")) == 40
    assert origin["dirty"] == str(origin["commit"]).endswith("+")
    assert set(origin["data"]["splits"]) == {"train", "val", "test"}
    assert origin["data"]["clips"] == 30
    assert (origin["networks"] != {}) == (stage == "ar")


def test_ar_names_the_weights_of_its_tokenizer(runs: dict[str, Path], logs: dict[str, Log]) -> None:
    named = logs["ar"].config["origin"]["networks"]["tokenizer"]
    assert named["path"] == str(runs["tokenizer"] / "model")
    assert logs["ar"].config["origin"]["tokens"] == logs["tokenizer"].config["origin"]["tokens"]


def test_artifacts_lead_from_the_store_to_the_model(runs: dict[str, Path], logs: dict[str, Log]) -> None:
    found = {
        stage: [(artifact.name, artifact.type, artifact.use_after_commit) for artifact in log.artifacts]
        for stage, log in logs.items()
    }
    data = ("data-synthetic", "dataset", True)
    assert found == {
        "tokenizer": [data, ("tokenizer-synthetic", "model", False)],
        "ar": [data, ("tokenizer-synthetic", "model", True), ("ar-synthetic", "model", False)],
        "evaluator": [data, ("evaluator-synthetic", "model", False)],
    }
    # Versions are made of contents: what one run makes is what the other uses.
    made, used = logs["tokenizer"].artifacts[1], logs["ar"].artifacts[1]
    assert made.digest == used.digest
    assert len({log.artifacts[0].digest for log in logs.values()}) == 1
    store = logs["tokenizer"].artifacts[0]
    assert [entry.path for entry in store.manifest.contents] == ["store.json"]  # no clips
    assert json.loads(store.metadata)["splits"] == logs["tokenizer"].config["origin"]["data"]["splits"]
    for entry in made.manifest.contents:  # files where they are, no copies
        assert entry.local_path == str(runs["tokenizer"] / "model" / entry.path)
    assert {entry.path for entry in made.manifest.contents} == {"model.json", "tokenizer.safetensors"}


@pytest.mark.parametrize("stage", STAGES)
def test_csv_and_wandb_hold_the_same_figures(stage: str, runs: dict[str, Path], logs: dict[str, Log]) -> None:
    there: dict[str, list[float]] = {}
    for entry in logs[stage].history:
        for name, value in entry.items():
            if name not in BESIDE and not name.startswith("samples/"):
                there.setdefault(name, []).append(value)
    here = columns(runs[stage])
    assert there.keys() == here.keys()
    for name, values in here.items():
        assert there[name] == pytest.approx(values, rel=1e-6), name


def test_speeds_and_shares_are_what_they_can_be(runs: dict[str, Path]) -> None:
    figures = columns(runs["ar"])
    assert all(0 <= share < 1 for share in figures["train/data_wait"])
    assert all(0.1 < size < 100 for size in figures["train/process_gb"])
    for clips, frames in zip(figures["train/clips_per_s"], figures["train/frames_per_s"], strict=True):
        assert 16 * clips <= frames * 1.001 <= 196.2 * clips
    for name in ("cross_entropy", "accuracy"):
        assert f"train_scales/{name}_00" in figures
        scales = [figure for figure in figures if figure.startswith(f"train_scales/{name}_")]
        assert len(scales) == len([figure for figure in figures if figure.startswith("val_scales/accuracy_")])
    assert "train/mfu" not in figures  # nobody knows what this processor could do


def test_the_documented_figures_are_those_that_are_logged(runs: dict[str, Path]) -> None:
    text = (ROOT / "docs" / "training.md").read_text()
    table = text.split("## What a run logs")[1].split("\n## ")[0]
    documented: dict[str, set[str]] = {stage: set() for stage in STAGES}
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and "on a GPU" not in cells[1]:
            for stage in STAGES if cells[1] == "all" else cells[1].split(", "):
                documented[stage] |= set(re.findall(r"`([^`]+)`", cells[0]))
    for stage in STAGES:
        logged = {re.sub(r"_\d\d$", "_KK", name) for name in columns(runs[stage])}
        logged = {"lr-*" if name.startswith("lr-") else name for name in logged}
        assert documented[stage] == logged, stage


def test_samples_are_shown_with_their_captions(runs: dict[str, Path], logs: dict[str, Log]) -> None:
    shown = [entry for entry in logs["tokenizer"].history if "samples/animation/videos" in entry]
    assert len(shown) == 2  # one for each validation
    assert [entry["trainer/global_step"] for entry in shown] == [2, 4]
    video = shown[0]["samples/animation/videos"][0]
    assert video["caption"].startswith("reconstruction: ")
    (files,) = runs["tokenizer"].glob("wandb/offline-run-*/files")
    assert (files / video["path"]).read_bytes()[:3] == b"GIF"


def test_a_run_ends_in_a_summary(runs: dict[str, Path], logs: dict[str, Log]) -> None:
    for stage, folder in runs.items():
        summary = json.loads((folder / "run.json").read_text())["summary"]
        assert summary.items() <= logs[stage].summary.items()
        assert (summary["ended"], summary["steps"], summary["epochs"], summary["skipped"]) == ("done", 4, 2, 0)
        assert summary["best/val/loss"] == pytest.approx(min(columns(folder)["val/loss"]))
        assert (folder / "checkpoints" / summary["best/checkpoint"]).is_file()
        assert summary["model"] == json.loads((folder / "model" / "model.json").read_text())["digest"]


# ---- servers that do not answer

KEY = "0" * 40


class _Mortal(ThreadingHTTPServer):
    """Answers what W&B asks at the beginning of a run, until it is dead."""

    dead = False


class _Answers(BaseHTTPRequestHandler):
    server: _Mortal

    def do_POST(self) -> None:
        """Say that a run has begun."""
        asked = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.server.dead:
            self.close_connection = True
            return
        project = {"id": "p", "name": "scalemogen", "entity": {"id": "e", "name": "nobody"}}
        bucket = {"id": "b", "name": "r", "displayName": "r", "config": "{}", "historyLineCount": 0, "project": project}
        data = {"upsertBucket": {"bucket": bucket, "inserted": True}} if b"upsertBucket" in asked else {}
        body = json.dumps({"data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """Say that it is there."""
        self.send_error(404)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Mortal]:
    server = _Mortal(("127.0.0.1", 0), _Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    wandb.teardown()
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
    yield server
    wandb.teardown()
    server.shutdown()
    server.server_close()


def test_a_network_that_dies_holds_up_no_step_and_the_end_for_a_while(
    tmp_path: Path, mortal: _Mortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_FINISH_TIMEOUT", "2")
    with finished_wandb():
        logger = RunLogger("ar", tmp_path)
        run = logger.experiment
        assert not logger._offline
        mortal.dead = True
        started = time.monotonic()
        for step in range(100):
            logger.log_metrics({"train/loss": 1.0}, step)
        record(run, wandb.Artifact("tokenizer-synthetic", "model"), used=True)
        record(run, wandb.Artifact("ar-synthetic", "model"))
        assert time.monotonic() - started < 2
        started = time.monotonic()
    assert 1 < time.monotonic() - started < 20
    wandb.teardown()
    log = Log(tmp_path)
    assert len(log.history) == 100
    assert [artifact.name for artifact in log.artifacts] == ["tokenizer-synthetic", "ar-synthetic"]


class _Refusing(BaseHTTPRequestHandler):
    """Answers, but as no W&B server does."""

    def do_GET(self) -> None:
        self.send_error(404)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def refusing() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def train_online(folder: Path, url: str, **more: str) -> tuple[int, str, float]:
    """Train in a new process that has a key; returns exit status, what it said on stderr, and seconds."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    environment |= {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": url, "PYTHONPATH": str(ROOT / "src"), **more}
    command = [sys.executable, "-m", "scalemogen", "tokenizer", "fit", *options("tokenizer", folder / "data"), *PLAIN]
    started = time.monotonic()
    done = subprocess.run(
        [*command, "--samples.every=0", f"--run={folder / 'run'}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr, time.monotonic() - started


def check_kept(folder: Path, said: str) -> None:
    (line,) = [line for line in said.splitlines() if line.startswith("W&B: ")]
    assert line.endswith(f"this run is kept in {folder / 'run' / 'wandb'}, `wandb sync` uploads it")
    log = Log(folder / "run")
    assert log.status == 0
    assert len([entry for entry in log.history if "train/loss" in entry]) == 4


def test_training_goes_on_where_no_server_can_be_reached(tmp_path: Path) -> None:
    status, said, _ = train_online(tmp_path, "http://127.0.0.1:9")
    assert status == 0, said
    assert "W&B: cannot reach http://127.0.0.1:9 ([Errno 111] Connection refused)" in said
    check_kept(tmp_path, said)


@pytest.mark.slow
def test_training_goes_on_where_the_server_is_none_of_wandb(tmp_path: Path, refusing: str) -> None:
    status, said, _ = train_online(tmp_path, refusing, WANDB_INIT_TIMEOUT="3")
    assert status == 0, said
    check_kept(tmp_path, said)


def test_a_server_that_never_answers_is_waited_for_a_short_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_loggers, "PROBE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(OSError, match=r"cannot reach|timed out"):
            run_loggers._reach(url)
        assert time.monotonic() - started < 3


def test_a_server_that_answers_with_an_error_is_there(refusing: str) -> None:
    run_loggers._reach(refusing)


def test_limits_of_waiting_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def limits() -> tuple[float, float]:
        settings = RunLogger("ar", tmp_path)._wandb_init["settings"]
        return settings.init_timeout, settings.finish_timeout

    assert limits() == (30.0, 120.0)
    monkeypatch.setenv("WANDB_FINISH_TIMEOUT", "7")
    assert limits() == (30.0, 7.0)
    monkeypatch.setenv("WANDB_FINISH_TIMEOUT", "soon")
    with pytest.raises(UserError, match="WANDB_FINISH_TIMEOUT is 'soon'; a number of seconds is needed"):
        limits()

"""What `scalemogen doctor` finds, and what it says to do."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from scalemogen.cli import doctor
from scalemogen.cli.main import main


def check(report: doctor.Report, name: str) -> doctor.Check:
    (found,) = [item for item in report.checks if item.name == name]
    return found


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def test_a_good_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--runs", str(tmp_path / "runs"), "--data", str(tmp_path / "data")]
    assert main(["doctor", *folders]) == 0
    text = capsys.readouterr().out
    assert f"torch          {metadata.version('torch')}\n" in text
    assert text.endswith("Everything essential is here.\n")
    assert not any(tmp_path.iterdir())  # looking leaves nothing behind

    assert main(["doctor", "--json", *folders]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["healthy"] is True
    assert report["versions"]["torch"] == metadata.version("torch")
    assert {item["name"] for item in report["checks"]} >= {"packages", "runs", "data", "cuda", "ffmpeg", "wandb"}


def test_a_missing_and_a_malicious_package_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    versions = {"lightning": "2.6.3", "einops": None}
    installed = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: versions[name] if name in versions else installed(name))
    report = doctor.examine(tmp_path, tmp_path)
    packages = check(report, "packages")
    assert packages.state == "failed"
    assert "einops is not installed" in packages.detail
    assert "lightning is 2.6.3, needed is" in packages.detail
    assert not report.healthy
    assert "Something essential is missing" in doctor.render(report)


def test_an_unwritable_folder_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(**options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    runs = check(doctor.examine(tmp_path / "runs", tmp_path), "runs")
    assert (runs.state, runs.detail) == ("failed", f"{tmp_path / 'runs'} cannot be written: Permission denied")


def test_little_disk_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**9))
    runs = check(doctor.examine(tmp_path, tmp_path), "runs")
    assert runs.state == "ok"
    assert runs.remedy == "free some disk space (below 5.0 GB)"


def test_a_wandb_key_is_found_in_each_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert doctor._wandb_key().state == "absent"
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    assert doctor._wandb_key().state == "ok"
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    assert doctor._wandb_key().state == "absent"
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    assert doctor._wandb_key().state == "ok"
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert doctor._wandb_key().state == "absent"


def test_features_name_what_they_miss(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    report = doctor.examine(tmp_path, tmp_path)
    assert check(report, "minilm").remedy == "make install EXTRAS=dev,minilm"
    assert check(report, "litdata").remedy == "make install EXTRAS=dev,shards"
    assert check(report, "hub").state == "absent"


def test_no_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    import imageio_ffmpeg

    def refuse() -> str:
        raise RuntimeError("no ffmpeg exe could be found")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", refuse)
    assert doctor._ffmpeg().state == "absent"

"""`scalemogen data`: what it prints and how it ends."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from helpers.stores import write_store, write_takes
from scalemogen.cli.arguments.data import build_parser
from scalemogen.cli.main import main
from scalemogen.data_modules import MotionStore
from scalemogen.data_modules.published import READERS


def bvh(tmp_path: Path, *options: str) -> list[str]:
    takes, table = write_takes(tmp_path)
    origin = ["--name", "Tiny takes", "--licence", "CC0", "--citation", "Nobody, 2026"]
    return ["data", "bvh", "--source", str(takes), "--captions", str(table), *origin, *options]


def test_bvh_builds_a_store_and_describes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "store"
    assert main(bvh(tmp_path, "--out", str(out), "--skeleton", "humanml3d", "--mirror")) == 0
    shown = capsys.readouterr()
    assert "Tiny takes: 7 clips" in shown.out
    assert "licence   CC0" in shown.out
    assert "reading BVH: 100%" in shown.err
    store = MotionStore.open(out)
    assert store.provenance["options"]["mirror"] is True
    assert store.facts.name == "Tiny takes"


def test_info_prints_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_store(tmp_path / "s", {"train": (5, 7, 60), "val": (3,)}, captions=2)
    assert main(["data", "info", str(tmp_path / "s"), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["clips"] == 4
    assert info["splits"]["train"]["frames"] == 72
    assert info["hours"] == round(75 / 20 / 3600, 4)
    assert (info["lengths"]["min"], info["lengths"]["median"], info["lengths"]["max"]) == (3, 6.0, 60)
    assert sum(info["lengths"]["histogram"]["counts"]) == 4
    # "train 0 caption 1": four words; train, val, caption, and the numbers 0, 1 and 2.
    captions = {"count": 8, "per_clip": 2.0, "different": 8, "words_mean": 4.0, "words_max": 4, "vocabulary": 6}
    assert info["captions"] == captions
    assert info["skeleton"]["levels"] == [22, 12, 7]
    assert sum(len(joints) for joints in info["skeleton"]["parts"].values()) == 22
    assert info["licence"] == "CC0"


def test_info_prints_parts_and_chains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_store(tmp_path / "s", {"train": (5, 7)})
    assert main(["data", "info", str(tmp_path / "s")]) == 0
    text = capsys.readouterr().out
    assert "skeleton  humanml3d, levels 22 -> 12 -> 7" in text
    assert "left arm" in text
    assert "1 -> 2 -> 3 -> 5 -> 7 groups" in text


def test_check_is_strict_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s"
    write_store(path, {"train": (5, 7)})
    assert main(["data", "check", str(path), "--strict"]) == 0
    assert "2 clips, 0 faults, 0 entries quarantined" in capsys.readouterr().out
    features = np.load(path / "features.npy")
    features[0] = np.inf
    np.save(path / "features.npy", features)
    assert main(["data", "check", str(path)]) == 0
    assert "train-0: infinite value" in capsys.readouterr().out
    assert main(["data", "check", str(path), "--strict", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["clean"] is False
    assert [fault["reason"] for fault in report["faults"]] == ["infinite value", "changed content"]


def test_quarantined_files_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = bvh(tmp_path, "--out", str(tmp_path / "store"), "--skeleton", "humanml3d")
    (tmp_path / "takes" / "take0.bvh").write_text("HIERARCHY")
    (tmp_path / "takes" / "take1.bvh").unlink()
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "quarantined: 1 no file, 1 unreadable file" in text
    assert "clip1: no file (take1.bvh is not in takes)" in text
    assert main(["data", "check", str(tmp_path / "store"), "--strict"]) == 1


def test_the_commands_of_the_page_about_data_are_understood() -> None:
    page = (Path(__file__).parents[3] / "docs" / "data.md").read_text().replace("\\\n", "")
    commands = [shlex.split(line, comments=True) for line in page.splitlines() if line.startswith("scalemogen data ")]
    assert {command[2] for command in commands} == {*READERS, "synthetic", "bvh", "check", "info", "shards"}
    for command in commands:
        build_parser().parse_args(command[2:])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "nowhere"], "there is no folder and no store of this name"),
        (["check", "nowhere"], "there is no folder and no store of this name"),
        (["synthetic", "--clips", "3", "--out", "x"], "3 synthetic clips: at least 20"),
        (["synthetic", "--clips", "30", "--layout", "x", "--out", "x"], "invalid choice: 'x'"),
        (["synthetic", "--clips", "30", "--workers", "-1", "--out", "x"], "--workers -1: 0 for this process alone"),
        (["bvh", "--out", "x"], "the following arguments are required"),
        ([], "the following arguments are required"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", *arguments]) == 2
    text = capsys.readouterr().err
    assert message in text
    assert text.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_info_writes_a_page_that_needs_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, page = tmp_path / "s", tmp_path / "page.html"
    assert main(["data", "synthetic", "--clips", "20", "--out", str(store), "--json"]) == 0
    assert main(["data", "info", str(store), "--html", str(page), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.partition("\n}\n")[2])["clips"] == 20
    text = page.read_text(encoding="utf-8")
    assert text.count("<iframe") == 2
    assert text.count("<svg") == 3
    for shown in ("Apache-2.0", "Augmentations", "times as fast", "mirrored", "lengths, share of clips"):
        assert shown in text
    assert not re.search(r"(src|href)=\"?http", text)
    assert main(["data", "info", str(store), "--html", str(page), "--json"]) == 0
    assert page.read_text(encoding="utf-8") == text  # the same seed, the same page


def test_a_page_is_written_for_clips_without_captions_and_of_one_frame(tmp_path: Path) -> None:
    write_store(tmp_path / "s", {"train": (1, 1)}, captions=0)
    assert main(["data", "info", str(tmp_path / "s"), "--html", str(tmp_path / "page.html")]) == 0
    assert "Augmentations" not in (tmp_path / "page.html").read_text(encoding="utf-8")

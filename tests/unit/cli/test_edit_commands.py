"""edit, inbetween, prolong, stitch and vary on a tiny model: files, reports, and one line for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from helpers.models import make_model
from helpers.motions import make_motion
from scalemogen.cli.main import main
from scalemogen.export import read_motion
from scalemogen.pipeline import TextToMotion

TEXT = "a person waves with the left hand"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def motion(tmp_path: Path) -> Path:
    return make_motion(frames=29).save(tmp_path / "motion.npz")


@pytest.mark.parametrize("command", ["edit", "inbetween", "prolong", "stitch", "vary"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"example:\n  scalemogen {command} " in capsys.readouterr().out


def test_edit_writes_what_python_makes(
    folder: Path, motion: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outs = [tmp_path / name for name in ("a.npz", "a.bvh", "a.html", "a.png")]
    options = ["--source-text", "a person walks", "--parts", "left arm, head", "--frames", "5:20", "--seed", "3"]
    arguments = ["edit", str(motion), "--model", str(folder), "--text", TEXT, "--strength", "strong", *options]
    assert main([*arguments, "--out", *map(str, outs)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("bits kept, %")
    assert printed.split()[-4:] == [str(out) for out in outs]
    expected = TextToMotion.from_pretrained(folder).edit(
        make_motion(frames=29),
        TEXT,
        source_text="a person walks",
        parts=["left arm", "head"],
        frames=(5, 20),
        strength="strong",
        seed=3,
    )
    torch.testing.assert_close(read_motion(outs[0]).positions, expected.positions, atol=1e-5, rtol=0)
    assert all(out.stat().st_size > 0 for out in outs)


def test_edit_as_json(folder: Path, motion: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.npz"
    assert main(["edit", str(motion), "--model", str(folder), "--text", TEXT, "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["frames"] == 29
    assert len(report["moved_cm"]["head"]["frames"]) == 29
    assert report["files"] == [str(out)]
    slow = ["edit", str(motion), "--model", str(folder), "--text", TEXT, "--out", str(out), "--json", "--fps", "10"]
    assert main([*slow, "--no-clean"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["frames"], report["fps"], report["files"]) == (
        29,
        20.0,
        [str(out)],
    )  # of the edit; the file has its own
    assert read_motion(out).frames == 15


@pytest.mark.parametrize(
    ("arguments", "frames"),
    [
        (["inbetween", "MOTION", "--keep", "0:8,20:29", "--text", TEXT], [29]),
        (["inbetween", "MOTION", "MOTION", "--seconds", "0.5", "--text", TEXT], [29 + 10 + 29]),
        (["prolong", "MOTION", "--seconds", "2", "--text", TEXT], [29 + 40]),
        (["stitch", "--text", TEXT, "--text", "a person walks", "--seconds", "1", "2"], [60]),
        (["vary", "MOTION", "--count", "2", "--text", TEXT, "--keep-scales", "1"], [29, 29]),
        (["prolong", "MOTION", "--seconds", "2", "--text", TEXT, "--fps", "60", "--no-clean"], [3 * 68 + 1]),
    ],
)
def test_other_commands(
    folder: Path,
    motion: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    frames: list[int],
) -> None:
    filled = [str(motion) if argument == "MOTION" else argument for argument in arguments]
    assert main([*filled, "--model", str(folder), "--out", str(tmp_path / "a.npz"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [made["frames"] for made in report["motions"]] == frames
    assert [read_motion(path).frames for path in report["files"]] == frames


@pytest.mark.parametrize(
    "arguments",
    [
        ["edit", "MOTION", "--strength", "full"],
        ["generate", "--seconds", "1"],
        ["inbetween", "MOTION", "--keep", "0:8"],
        ["prolong", "MOTION", "--seconds", "1"],
        ["stitch", "--seconds", "1"],
        ["vary", "MOTION", "--count", "1"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_words_that_the_model_cannot_know_are_named(
    folder: Path, motion: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    filled = [str(motion) if argument == "MOTION" else argument for argument in arguments]
    for text, told in (("a person xyzzy, plugh xyzzy", "xyzzy, plugh"), ("a person jumps", "")):
        assert main([*filled, "--text", text, "--model", str(folder), "--out", str(tmp_path / "a.npz")]) == 0
        line = f"scalemogen: warning: the model was not trained on these words: {told}\n" if told else ""
        assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["edit", "MOTION", "--text", ""], ["empty"]),
        (["edit", "MOTION", "--text", TEXT, "--parts", "third arm"], ["third arm", "left arm", "legs"]),
        (["edit", "MOTION", "--text", TEXT, "--parts", ","], ["no body part"]),
        (["edit", "MOTION", "--text", TEXT, "--frames", "20-60"], ["20-60", "20:60"]),
        (["edit", "MOTION", "--text", TEXT, "--frames", "20:60"], ["20:60", "0:29"]),
        (["edit", "MOTION", "--text", TEXT, "--strength", "huge"], ["huge", "subtle"]),
        (["edit", "MOTION", "--text", TEXT, "--tau", "nan"], ["tau"]),
        (["edit", "MOTION", "--text", TEXT, "--gamma", "77"], ["gamma is 77"]),
        (["edit", "nowhere.bvh", "--text", TEXT], ["nowhere.bvh"]),
        (["inbetween", "MOTION", "--text", TEXT, "--seconds", "1"], ["1 motions given", "two"]),
        (["inbetween", "MOTION", "MOTION", "--text", TEXT, "--keep", "0:8"], ["2 motions given"]),
        (["inbetween", "MOTION", "--text", TEXT, "--keep", "all"], ["all"]),
        (["prolong", "MOTION", "--text", TEXT, "--seconds", "inf"], ["inf seconds"]),
        (["stitch", "--text", TEXT, "--seconds", "1", "2"], ["2 lengths for 1 sentence;"]),
        (["vary", "MOTION", "--text", TEXT, "--count", "-1"], ["-1 variations"]),
    ],
)
def test_bad_input_is_one_line(
    folder: Path,
    motion: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: list[str],
) -> None:
    filled = [str(motion) if argument == "MOTION" else argument for argument in arguments]
    assert main([*filled, "--model", str(folder), "--out", str(tmp_path / "out.bvh")]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("scalemogen: error: ")
    assert captured.err.count("\n") == 1
    assert all(word in captured.err for word in words)
    assert not (tmp_path / "out.bvh").exists()


def test_another_skeleton(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kit = make_motion("kit").save(tmp_path / "kit.npz")
    assert main(["edit", str(kit), "--model", str(folder), "--text", TEXT, "--out", str(tmp_path / "a.bvh")]) == 2
    error = capsys.readouterr().err
    assert "kit" in error
    assert "humanml3d" in error

"""generate, reconstruct and export on a tiny model: files, figures, and one line for bad input."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.models import make_model
from helpers.motions import make_motion, slide
from scalemogen.cleaning import clean_feet
from scalemogen.cli.main import main
from scalemogen.data_modules.store import Origin
from scalemogen.data_modules.writer import StoreWriter
from scalemogen.export import read_motion
from scalemogen.motion import Motion, get_layout
from scalemogen.pipeline import TextToMotion
from scalemogen.skeletons import derive_skeleton
from scalemogen.synthetic import generate_clip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "model")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run a command that must refuse its input; return its one line."""
    assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("scalemogen: error: ")
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize("command", ["generate", "reconstruct", "export"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"example:\n  scalemogen {command} " in capsys.readouterr().out


def test_generate_writes_what_python_makes(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outs = [tmp_path / f"a{suffix}" for suffix in (".npz", ".bvh", ".gif", ".html", ".png")]
    arguments = ["--text", "a person walks", "--seconds", "1", "--seed", "7", "--guidance", "3", "--temperature", "0.5"]
    assert main(["generate", "--model", str(folder), *arguments, "--out", *map(str, outs)]) == 0
    assert capsys.readouterr().out.split() == [str(out) for out in outs]
    expected = TextToMotion.from_pretrained(folder).generate(
        "a person walks", seconds=1, seed=7, guidance=3.0, temperature=0.5
    )
    torch.testing.assert_close(read_motion(outs[0]).positions, expected.positions, atol=1e-6, rtol=0)
    assert sorted(tmp_path.iterdir()) == sorted(outs)


def test_generate_many(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "texts.txt").write_text("# three\na person jumps\n\n  a person waves \n  # done\n", encoding="utf-8")
    arguments = ["--text", "a person walks", "--texts", str(tmp_path / "texts.txt"), "--seconds", "0.5", "1", "0.8"]
    outs = [str(tmp_path / "m.npz"), str(tmp_path / "page.html")]
    assert main(["generate", "--model", str(folder), *arguments, "--json", "--out", *outs]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["files"] == [*(str(tmp_path / f"m-{number}.npz") for number in (1, 2, 3)), outs[1]]
    assert [(made["text"], made["seed"], made["frames"]) for made in report["motions"]] == [
        ("a person walks", 0, 10),
        ("a person jumps", 1, 20),
        ("a person waves", 2, 16),
    ]
    assert read_motion(tmp_path / "m-3.npz").frames == 16


def test_generate_refuses(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = ("generate", "--model", folder, "--out", tmp_path / "a.npz")
    assert "no sentence given" in refused(capsys, *start)
    assert "the sentence is empty" in refused(capsys, *start, "--text", " ")
    assert "0 seconds: this model makes motions of 0.20" in refused(capsys, *start, "--text", "a", "--seconds", "0")
    assert "cannot read" in refused(capsys, *start, "--texts", tmp_path / "none.txt")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert "not a UTF-8 text file" in refused(capsys, *start, "--texts", tmp_path / "binary")
    assert "cannot write '.fbx'" in refused(capsys, *start[:3], "--text", "a", "--out", tmp_path / "a.fbx")
    assert "is a folder" in refused(capsys, *start[:3], "--text", "a", "--out", make_folder(tmp_path / "b.npz"))
    assert "no such model folder" in refused(capsys, "generate", "--model", "no", "--text", "a", "--out", "a.npz")
    assert "--seconds: invalid float value: 'long'" in refused(capsys, *start, "--text", "a", "--seconds", "long")


def make_folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_reconstruct_tells_errors(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    motion = make_motion()
    motion.save(tmp_path / "a.bvh")
    outs = [tmp_path / f"b{suffix}" for suffix in (".html", ".mp4", ".png", ".npz")]
    command = ["reconstruct", "--model", str(folder), "--motion", str(tmp_path / "a.bvh"), "--out", *map(str, outs)]
    assert main(command) == 0
    assert "mm root-aligned" in capsys.readouterr().out
    assert all(out.stat().st_size > 0 for out in outs)
    assert main([*command[:5], "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    model = TextToMotion.from_pretrained(folder)
    difference = model.reconstruct(motion).positions - model.prepare(motion).positions
    world = float(torch.linalg.vector_norm(difference, dim=-1).mean())
    assert report["world_mm"] == pytest.approx(1000 * world, rel=1e-3)
    aligned = torch.linalg.vector_norm(difference - difference[:, :1], dim=-1).mean()
    assert report["root_aligned_mm"] == pytest.approx(1000 * float(aligned), rel=1e-3)
    assert (report["frames"], report["fps"], report["files"]) == (23, 20.0, [])


def test_reconstruct_takes_a_clip_of_a_store(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    motion = make_motion(frames=31)
    skeleton, layout = motion.skeleton, get_layout("humanml3d")
    origin = Origin("test", "none", "none")
    with StoreWriter(
        tmp_path / "store", skeleton=skeleton, layout=layout.name, fps=20.0, origin=origin, provenance={}
    ) as writer:
        writer.add("clip-7", layout.from_motion(motion).numpy(), ["a person turns"], "train", {})
    motion.save(tmp_path / "a.npz")
    start = ["reconstruct", "--model", str(folder), "--json"]
    assert main([*start, "--data", str(tmp_path / "store"), "--id", "clip-7"]) == 0
    stored = json.loads(capsys.readouterr().out)
    assert main([*start, "--motion", str(tmp_path / "a.npz")]) == 0
    from_file = json.loads(capsys.readouterr().out)
    assert stored["frames"] == 30
    assert stored["root_aligned_mm"] == pytest.approx(from_file["root_aligned_mm"], rel=0.05)
    assert "no clip '8'; it has 1, such as clip-7" in refused(capsys, *start, "--data", tmp_path / "store", "--id", "8")


def test_reconstruct_refuses(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = ("reconstruct", "--model", folder)
    make_motion("kit").save(tmp_path / "kit.npz")
    assert "are not the 22 of skeleton humanml3d" in refused(capsys, *start, "--motion", tmp_path / "kit.npz")
    assert "no such file" in refused(capsys, *start, "--motion", tmp_path / "none.bvh")
    assert "go together" in refused(capsys, *start, "--data", tmp_path)
    assert "store" in refused(capsys, *start, "--data", tmp_path, "--id", "1")
    assert "one of the arguments --motion --data is required" in refused(capsys, *start)


def test_export_converts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    motion = make_motion()
    motion.save(tmp_path / "a.npz")
    assert main(["export", str(tmp_path / "a.npz"), "--to", "bvh"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'a.bvh'}\n"
    assert main(["export", str(tmp_path / "a.bvh"), "--out", str(tmp_path / "new" / "b.npz")]) == 0
    found = read_motion(tmp_path / "new" / "b.npz")
    order = [found.skeleton.joints.index(joint) for joint in motion.skeleton.joints]
    np.testing.assert_allclose(found.positions[:, order], motion.positions, atol=1e-4)


def test_export_cleans_feet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    motion = slide(generate_clip(1, 0, simple=True).motion.retargeted(), 8.0)
    motion.save(tmp_path / "a.npz")
    assert main(["export", str(tmp_path / "a.npz"), "--out", str(tmp_path / "b.npz"), "--clean-feet"]) == 0
    torch.testing.assert_close(read_motion(tmp_path / "b.npz").positions, clean_feet(motion).positions)
    said = capsys.readouterr().err
    assert re.fullmatch(
        r"feet slide in \d+% of the frames in which one stands, when cleaned in \d+%;"
        r" joints moved by \d+\.\d cm on the mean, \d+\.\d cm at most\n",
        said,
    )
    chain = derive_skeleton("chain", ["a", "b"], [-1, 0], [(0.0, 0.0, 0.0), (0.0, 1.0, 0.0)])
    still = torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(9, 2, 4)
    Motion.from_rotations(chain, still, torch.zeros(9, 3), 20.0).save(tmp_path / "chain.npz")
    line = refused(capsys, "export", tmp_path / "chain.npz", "--to", "bvh", "--clean-feet")
    assert "chain.npz: no legs with feet" in line
    assert not (tmp_path / "chain.bvh").exists()


def test_export_resamples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_motion(frames=23).save(tmp_path / "a.npz")
    assert main(["export", str(tmp_path / "a.npz"), "--out", str(tmp_path / "b.npz"), "--fps", "59.94"]) == 0
    capsys.readouterr()
    found = read_motion(tmp_path / "b.npz")
    assert (found.frames, found.fps) == (66, 59.94)
    torch.testing.assert_close(found.positions, make_motion(frames=23).resample(59.94).positions)
    for wrong in ("0", "-3", "nan", "2000", "fast"):
        line = refused(capsys, "export", tmp_path / "a.npz", "--to", "bvh", f"--fps={wrong}")
        assert f"argument --fps: '{wrong}' is no frame rate; give 1 to 1000 frames per second" in line


def test_generate_resamples_and_leaves_feet(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = ["generate", "--model", str(folder), "--text", "a person walks", "--seconds", "1.2", "--json", "--out"]
    assert main([*start, str(tmp_path / "a.npz"), str(tmp_path / "a.html"), "--fps", "60", "--no-clean"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["motions"][0]["frames"] == 70
    raw = TextToMotion.from_pretrained(folder).generate("a person walks", seconds=1.2, clean=False)
    torch.testing.assert_close(read_motion(tmp_path / "a.npz").positions, raw.resample(60.0).positions)


def test_export_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "a.npz"
    make_motion().save(source)
    (tmp_path / "cut.bvh").write_text("HIERARCHY\nROOT a\n{\n")
    assert "which format?" in refused(capsys, "export", source)
    assert "invalid choice: 'fbx'" in refused(capsys, "export", source, "--to", "fbx")
    assert "would be written over" in refused(capsys, "export", source, "--to", "npz")
    assert "different formats" in refused(capsys, "export", source, "--to", "bvh", "--out", tmp_path / "b.gif")
    assert "cannot read '.txt'" in refused(capsys, "export", tmp_path / "a.txt", "--to", "bvh")
    assert "cut.bvh" in refused(capsys, "export", tmp_path / "cut.bvh", "--to", "npz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "cut.bvh"]

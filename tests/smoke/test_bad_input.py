"""Bad input through the command line, one by one: exit status 2, one clear line, nothing half-written."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.models import make_model
from helpers.motions import make_motion
from helpers.stores import write_table, write_takes
from scalemogen.cli.main import main


def refuse(capsys: pytest.CaptureFixture[str], arguments: list[str], *words: str) -> None:
    """Require exit status 2 and one line on stderr that holds all words."""
    capsys.readouterr()
    assert main(arguments) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("scalemogen: error:")]
    assert len(lines) == 1
    for word in words:
        assert word in lines[0]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def build(folder: Path, source: Path, table: Path, *more: str) -> list[str]:
    origin = ["--name", "takes", "--licence", "CC0", "--citation", "nobody"]
    return [
        "data",
        "bvh",
        "--source",
        str(source),
        "--captions",
        str(table),
        "--out",
        str(folder / "store"),
        *origin,
        *more,
    ]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "model")


def generate(model: Path, out: Path, *more: str) -> list[str]:
    return ["generate", "--model", str(model), "--out", str(out), *more]


def test_missing_store(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    refuse(capsys, ["data", "check", str(tmp_path / "nowhere")], "nowhere")
    refuse(capsys, ["data", "info", str(tmp_path)], str(tmp_path))


@pytest.mark.parametrize("text", ["", "   "])
def test_empty_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path, model: Path, text: str) -> None:
    refuse(capsys, generate(model, tmp_path / "x.bvh", "--text", text, "--seconds", "1"), "empty")
    assert not files(tmp_path)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "1000"])
def test_impossible_length(capsys: pytest.CaptureFixture[str], tmp_path: Path, model: Path, seconds: str) -> None:
    refuse(capsys, generate(model, tmp_path / "x.bvh", "--text", "a person walks", "--seconds", seconds))
    assert not files(tmp_path)


def test_unknown_format_and_missing_model(capsys: pytest.CaptureFixture[str], tmp_path: Path, model: Path) -> None:
    refuse(capsys, generate(model, tmp_path / "x.fbx", "--text", "a person walks", "--seconds", "1"), ".fbx", ".bvh")
    refuse(
        capsys, generate(tmp_path / "none", tmp_path / "x.bvh", "--text", "a person walks", "--seconds", "1"), "none"
    )


def test_a_tokenizer_cannot_generate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model", stage="tokenizer")
    refuse(capsys, generate(folder, tmp_path / "x.bvh", "--text", "a person walks", "--seconds", "1"), "tokenizer")


def test_tokenizer_and_ar_that_do_not_fit(capsys: pytest.CaptureFixture[str], tmp_path: Path, model: Path) -> None:
    folder = make_model(tmp_path / "model")
    description = json.loads((folder / "model.json").read_text())
    description["spec"]["bits"] += 1
    (folder / "model.json").write_text(json.dumps(description))
    refuse(capsys, generate(folder, tmp_path / "x.bvh", "--text", "a person walks", "--seconds", "1"), str(folder))


def test_checkpoint_of_another_kind(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.ckpt"
    torch.save({"state_dict": {"weight": torch.zeros(3)}}, foreign)
    refuse(capsys, generate(foreign, tmp_path / "x.bvh", "--text", "a person walks", "--seconds", "1"), "foreign.ckpt")
    refuse(capsys, ["tokenizer", "fit", "--config", str(tmp_path / "none.yaml")], "none.yaml")


def test_truncated_bvh_and_bvh_with_nan(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source, table = write_takes(tmp_path / "takes")
    _, cut, broken, _ = sorted(source.rglob("*.bvh"))
    text = cut.read_text()
    cut.write_text(text[: int(len(text) * 0.7)])
    lines = broken.read_text().splitlines()
    broken.write_text("\n".join([*lines[:-1], f"nan {lines[-1].split(maxsplit=1)[1]}"]))
    assert main(build(tmp_path, source, table)) == 0  # the rest is a usable store, the two are quarantined
    reasons = (tmp_path / "store" / "quarantine.jsonl").read_text()
    assert cut.name in reasons
    assert broken.name in reasons
    assert main(["data", "check", str(tmp_path / "store"), "--strict"]) == 1
    refuse(capsys, ["export", str(cut), "--to", "npz"], cut.name)
    refuse(capsys, ["export", str(broken), "--to", "npz"], broken.name)


def test_table_without_a_column(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source, _ = write_takes(tmp_path / "takes")
    table = write_table(tmp_path / "table.csv", [["a", "a.bvh", "train"]], "clip,file,split")
    refuse(capsys, build(tmp_path, source, table), "table.csv", "caption")
    assert not (tmp_path / "store").exists()


def test_wrong_skeleton(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source, table = write_takes(tmp_path / "takes")
    before = files(tmp_path)
    refuse(capsys, build(tmp_path, source, table, "--skeleton", "kit"), "kit")
    refuse(capsys, build(tmp_path, source, table, "--skeleton", "octopus"), "octopus", "humanml3d")
    assert files(tmp_path) == before


def _full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("suffix", ["npz", "bvh", "html"])
def test_full_disk(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    motion = tmp_path / "motion.npz"
    make_motion().save(motion)
    replace: Callable[..., None] = _full
    monkeypatch.setattr(os, "replace", replace)
    refuse(capsys, ["export", str(motion), "--to", suffix, "--out", str(tmp_path / f"out.{suffix}")], "No space left")
    assert files(tmp_path) == {"motion.npz"}


def test_store_of_nothing_is_not_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source, table = write_takes(tmp_path / "takes")
    for take in source.rglob("*.bvh"):
        take.write_text("no BVH at all")
    refuse(capsys, build(tmp_path, source, table))
    assert not (tmp_path / "store").exists()

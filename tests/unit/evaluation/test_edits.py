"""measure-edits on a tiny model and store: which clips, what is kept and moved, the report, bad input."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.evaluation import LENGTHS, make_store
from helpers.models import FPS, MAX_FRAMES, make_model
from helpers.motions import make_motion
from helpers.stores import write_store
from scalemogen.cli.main import main
from scalemogen.data_modules import MotionStore
from scalemogen.evaluation import Batching, choose_clips, measure_edits
from scalemogen.evaluation.edits import SETTINGS, Clip, from_body, posture_gap
from scalemogen.evaluation.edits_report import statements
from scalemogen.motion import get_layout
from scalemogen.motion.rotations import turn_about_y
from scalemogen.pipeline import TextToMotion
from scalemogen.skeletons import get_skeleton

TEXT = "a person waves"
SKELETON = get_skeleton("humanml3d")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model and a store of noise."""
    folder = tmp_path_factory.mktemp("edits")
    make_model(folder / "model")
    make_store(folder)
    return folder


@pytest.fixture(scope="module")
def model(place: Path) -> TextToMotion:
    return TextToMotion.from_pretrained(place / "model")


@pytest.fixture(scope="module")
def result(place: Path, model: TextToMotion) -> dict[str, Any]:
    clips = choose_clips(MotionStore.open(place / "store"), "test", 3, 5, model)
    return measure_edits(model, clips, TEXT, ["legs"], Batching(quiet=True))


def row_of(result: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    (row,) = [row for row in result["rows"] if all(row[name] == value for name, value in wanted.items())]
    return row


def test_clips_are_drawn_from_the_seed(place: Path, model: TextToMotion) -> None:
    store = MotionStore.open(place / "store")
    everything = choose_clips(store, "test", 99, 5, model)
    assert [clip.motion.frames for clip in everything] == [min(length, MAX_FRAMES) for length in LENGTHS["test"]]
    assert [clip.seed for clip in everything] == list(range(5, 12))
    assert [clip.caption for clip in everything] == [f"test {number} caption 0" for number in range(7)]
    drawn = [tuple(clip.caption for clip in choose_clips(store, "test", 3, seed, model)) for seed in (5, 5, 6, 7, 8)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 1
    assert all(len(set(captions)) == 3 for captions in drawn)


def test_a_clip_is_the_motion_of_its_features(tmp_path: Path, model: TextToMotion) -> None:
    store = write_store(tmp_path / "store", {"train": [20], "test": [4, 16]})
    clip = choose_clips(store, "test", 2, 0, model)[1]
    expected = get_layout("humanml3d").to_motion(torch.from_numpy(store.clip(2).copy()), SKELETON, FPS)
    assert torch.equal(clip.motion.positions, expected.positions)
    assert clip.frames("parts") is clip.frames("everything") is clip.frames("nothing") is None
    assert clip.frames("middle third") == (5, 11)


def test_what_was_not_to_change_stays(result: dict[str, Any]) -> None:
    assert len(result["rows"]) == len(SETTINGS)
    arms = ("left arm", "right arm")
    for strength in ("subtle", "medium", "strong", "full"):
        row = row_of(result, region="parts", strength=strength, composed=True, source_text=True)
        assert row["may_change"] == ["left leg", "right leg"]
        assert max(row["moved_cm"][name] for name in arms) < 0.1
        assert row["moved_cm_in_other_frames"] is None
    raw = row_of(result, region="parts", composed=False)
    assert min(raw["moved_cm"][name] for name in arms) > 1.0, "untrained: the decoder moves everything"
    middle = row_of(result, region="middle third", composed=True)
    assert max(middle["moved_cm_in_other_frames"].values()) < 0.1
    assert middle["moved_cm"]["left arm"] > 1.0
    assert max(row_of(result, region="middle third", composed=False)["moved_cm_in_other_frames"].values()) > 1.0


def test_bits_kept_follow_strength_and_tau(result: dict[str, Any]) -> None:
    assert row_of(result, region="nothing")["kept_bits"] == [1.0, 1.0, 1.0]
    assert row_of(result, region="parts", strength="subtle")["kept_bits"][:2] == [1.0, 1.0]  # γ is 2 of 3
    kept = [sum(row["kept_bits"]) for row in result["rows"] if row["region"] == "everything"]
    assert kept == sorted(kept)
    assert kept[0] < kept[-1]
    strong = [row_of(result, region="parts", strength="strong", source_text=known) for known in (True, False)]
    assert strong[0]["kept_bits"] != strong[1]["kept_bits"]


def test_posture_is_seen_from_the_body_and_without_time() -> None:
    motion = make_motion(frames=23)
    target = from_body(motion).mean(0)
    everything, every = slice(0, 23), range(7)
    assert float(posture_gap(motion, everything, every, target)) == pytest.approx(0.0, abs=1e-9)
    angle = torch.tensor(2.0).expand(motion.positions.shape[:2])
    elsewhere = replace(motion, positions=turn_about_y(motion.positions, angle) + torch.tensor([3.0, 0.0, -2.0]))
    assert float(posture_gap(elsewhere, everything, every, target)) < 1e-3
    arm = [j for j, part in enumerate(SKELETON.part_of) if SKELETON.parts[part] == "left arm"]
    moved = target.clone()
    moved[arm[0]] += torch.tensor([0.0, 0.03, 0.04])  # 5 cm
    number = SKELETON.parts.index("left arm")
    assert float(posture_gap(motion, everything, [number], moved)) == pytest.approx(5 / len(arm))
    assert float(posture_gap(motion, everything, [number - 1], moved)) == pytest.approx(0.0, abs=1e-9)


def test_postures_are_compared_with_the_sentences(model: TextToMotion) -> None:
    """A clip that the model itself made of the sentence is where it is to be; of another sentence, it is not."""
    made = {words: model.generate(words, frames=21, seed=5, clean=False) for words in (TEXT, "a person turns")}
    gaps = {}
    for words, motion in made.items():
        found = measure_edits(model, [Clip(motion, words, 5)], TEXT, ["arms"], Batching(quiet=True))
        gaps[words] = {row["posture_cm"]["before"] for row in found["rows"] if row["region"] == "everything"}
    assert [len(gap) for gap in gaps.values()] == [1, 1]
    assert max(gaps[TEXT]) < 0.01
    assert min(gaps["a person turns"]) > 0.1, "a tiny model of random weights hardly listens"


def test_statements_name_the_worst() -> None:
    def row(region: str, composed: bool, moved: dict[str, float], others: dict[str, float] | None) -> dict[str, Any]:
        named = {"region": region, "may_change": ["arm"], "composed": composed}
        return named | {"moved_cm": moved, "moved_cm_in_other_frames": others}

    rows = [
        row("parts", True, {"arm": 9.0, "leg": 0.0}, None),
        row("parts", False, {"arm": 9.0, "leg": 1.25}, None),
        row("middle third", False, {"arm": 9.0, "leg": 8.0}, {"arm": 0.5, "leg": 0.25}),
    ]
    assert statements({"rows": rows}) == [
        "Largest mean displacement, composed: in parts that were not to change 0.00 cm (leg).",
        "Largest mean displacement, raw: in parts that were not to change 1.25 cm (leg),"
        " in frames that were not to change 0.50 cm (arm).",
    ]
    rows[0]["may_change"] = ["arm", "leg"]
    assert statements({"rows": rows[:1]}) == []


def command(place: Path, *more: str) -> list[str]:
    model, store = place / "model", place / "store"
    given = ["measure-edits", f"--model={model}", f"--data={store}", f"--text={TEXT}", "--parts=right arm, head"]
    return [*given, "--device=cpu", *more]


def test_the_command_prints_and_writes(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = command(place, "--clips=2", "--seed=3", "--temperature=0.8")
    assert main([*arguments, f"--out={tmp_path / 'out'}"]) == 0
    report = capsys.readouterr().out
    assert report == (tmp_path / "out" / "edits.md").read_text(encoding="utf-8")
    for words in (
        "2 clips of tiny, split test",
        "| right arm, head, `strong`, source text unknown ",
        "| 0.8 ",
        "--seed 3",
    ):
        assert words in report
    found = json.loads((tmp_path / "out" / "edits.json").read_text(encoding="utf-8"))
    assert (found["parts"], found["clips"], found["sampling"]) == (
        ["right arm", "head"],
        2,
        {"guidance": 2.0, "temperature": 0.8},
    )
    assert all(math.isfinite(value) for row in found["rows"] for value in row["moved_cm"].values())
    assert main([*arguments, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["rows"] == found["rows"], "the seed decides everything"


def test_bad_input_is_one_clear_line(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*arguments: str) -> str:
        assert main(command(place, *arguments)) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("scalemogen: error: ")
        assert said.err.count("\n") == 1
        return said.err

    assert "--clips 0" in refused("--clips=0")
    assert "no split 'dev'" in refused("--split=dev")
    assert "unknown body part 'wing'" in refused("--parts=wing")
    assert "no body part given" in refused("--parts=,")
    assert "empty" in refused("--text= ")
    assert "seed -1" in refused("--seed=-1")
    assert "temperature is 0" in refused("--temperature=0")
    assert "no such model folder" in refused(f"--model={tmp_path / 'none'}")
    assert "no motion store at" in refused(f"--data={tmp_path / 'none'}")
    (tmp_path / "file").write_text("")
    assert "is a file; name a folder" in refused(f"--out={tmp_path / 'file'}")
    write_store(tmp_path / "kit", {"train": [20], "test": [20]}, skeleton="kit")
    assert "skeleton kit" in refused(f"--data={tmp_path / 'kit'}")
    write_store(tmp_path / "short", {"train": [20], "test": [3]})
    assert "no clip with a caption and 4 frames or more" in refused(f"--data={tmp_path / 'short'}")
    alone = make_model(tmp_path / "tokenizer", stage="tokenizer")
    assert "a tokenizer alone" in refused(f"--model={alone}")
    assert not list(tmp_path.rglob("edits.*"))

"""TextToMotion on a tiny model with random weights: same sample in any batch, clear refusals, exact bookkeeping."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.models import FPS, MAX_FRAMES, MIN_FRAMES, make_model
from helpers.motions import make_motion
from scalemogen.cleaning import clean_feet
from scalemogen.errors import UserError
from scalemogen.metrics.functional import mpjpe_world
from scalemogen.motion import Motion
from scalemogen.pipeline import TextToMotion

TEXTS = ["a person walks", "a person waves with the left hand", "a person jumps"]
LENGTHS = [13, 29, 7]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture(scope="module")
def model(folder: Path) -> TextToMotion:
    return TextToMotion.from_pretrained(folder)


def same(one: Motion, other: Motion) -> bool:
    """Return whether joints agree to a micrometre: other batches, other order of float operations."""
    return one.frames == other.frames and torch.allclose(one.positions, other.positions, atol=1e-6)


def test_a_sentence_gives_a_motion(model: TextToMotion) -> None:
    motion = model.generate(TEXTS[0], seconds=1.0, seed=3)
    assert (motion.frames, motion.fps) == (20, FPS)
    assert motion.skeleton.name == "humanml3d"
    assert same(motion, model.generate(TEXTS[0], frames=20, seed=3))
    assert not same(motion, model.generate(TEXTS[0], frames=20, seed=4))
    assert not same(motion, model.generate(TEXTS[1], frames=20, seed=3))


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_batch_size_never_changes_a_motion(batch_size: int, model: TextToMotion) -> None:
    together = model.generate(TEXTS, frames=LENGTHS, seed=5, batch_size=batch_size)
    assert [motion.frames for motion in together] == LENGTHS
    for number, (text, length) in enumerate(zip(TEXTS, LENGTHS, strict=True)):
        assert same(together[number], model.generate(text, frames=length, seed=5 + number))


def test_as_few_batches_as_possible_longest_first(model: TextToMotion, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[list[int]] = []
    original = model._generate_batch

    def counting(requests: Any, *options: Any) -> list[Motion]:
        sizes.append([request.frames for request in requests])
        return original(requests, *options)

    monkeypatch.setattr(model, "_generate_batch", counting)
    model.generate(["a person turns"] * 5, frames=[8, 31, 9, 30, 12], batch_size=2)
    assert sizes == [[31, 30], [12, 9], [8]]


def test_options_reach_the_sampling(model: TextToMotion) -> None:
    usual = model.generate(TEXTS[0], frames=16)
    assert same(usual, model.generate(TEXTS[0], frames=16, guidance=2.0, temperature=0.9))  # as the folder says
    assert not same(usual, model.generate(TEXTS[0], frames=16, temperature=30.0))
    assert not same(usual, model.generate(TEXTS[0], frames=16, guidance=9.0))


def test_cleaning_can_be_switched_off(model: TextToMotion) -> None:
    """What is measured is `to_motion`, the model's own; what is given is cleaned, by `clean_feet` alone."""
    raw = model.generate("a person walks", frames=28, clean=False)
    given = model.generate("a person walks", frames=28)
    assert torch.equal(given.positions, clean_feet(raw).positions)
    assert not torch.equal(given.positions, raw.positions)
    varied = [model.vary(raw, "a person walks", 1, clean=clean)[0].positions for clean in (True, False)]
    assert not torch.equal(varied[0], varied[1])


def test_generated_motion_is_rigid(model: TextToMotion) -> None:
    """Joints follow from rotations and the skeleton's bones, so that every format shows the same motion."""
    motion = model.generate(TEXTS[0], frames=16)
    again = Motion.from_rotations(motion.skeleton, motion.rotations, motion.root, motion.fps)
    torch.testing.assert_close(again.positions, motion.positions, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text": "  "}, "the sentence is empty"),
        ({"text": ["a", ""]}, "sentence 2 of 2 is empty"),
        ({"text": []}, "no sentence given"),
        ({"seconds": 0}, r"0 seconds: this model makes motions of 0.20 to 1.60 seconds \(4 to 32 frames at 20 frames"),
        ({"seconds": 1.7}, "1.7 seconds: this model makes"),
        ({"seconds": float("nan")}, "nan seconds: this model makes"),
        ({"seconds": float("inf")}, "inf seconds: this model makes"),
        ({"seconds": None, "frames": 33}, "33 frames: this model makes"),
        ({"seconds": None, "frames": -4}, "-4 frames: this model makes"),
        ({"seconds": None}, "either seconds or frames"),
        ({"frames": 8}, "either seconds or frames"),
        ({"seconds": [1.0, 1.0]}, "2 lengths for 1 sentence;"),
        ({"seed": [1, 2]}, "2 seeds for 1 sentence;"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**32}, "seed 4294967296"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"guidance": -1.0}, "guidance is -1"),
        ({"temperature": 0.0}, "temperature is 0"),
        ({"text": "walk " * 500}, "too long"),
        ({"text": None}, "None is no sentence"),
        ({"text": ["a", 3]}, "3 is no sentence"),
        ({"seconds": "3"}, "seconds is '3'; give a number"),
        ({"seconds": [1.0, None]}, "seconds is None"),
        ({"seconds": None, "frames": 20.7}, "frames is 20.7; give a whole number"),
        ({"seed": None}, "seed is None; give a whole number"),
        ({"seed": "7"}, "seed is '7'"),
        ({"batch_size": "8"}, "batch_size is 8"),
        ({"guidance": "3"}, "guidance is '3'; give one number"),
        ({"temperature": [0.9, None, 1]}, "temperature is None; give one number"),
    ],
)
def test_bad_requests_are_refused(options: dict[str, Any], message: str, model: TextToMotion) -> None:
    with pytest.raises(UserError, match=message):
        model.generate(**{"text": "a person walks", "seconds": 1.0, **options})


def test_numbers_of_numpy_are_numbers(model: TextToMotion) -> None:
    plain = model.generate("a person walks", seconds=1.0, seed=3, guidance=2.0)
    same = model.generate(
        "a person walks", seconds=np.float32(1.0), seed=np.int64(3), guidance=np.float64(2.0), batch_size=np.int64(4)
    )
    torch.testing.assert_close(same.positions, plain.positions)
    assert model.generate(["a", "b"], frames=np.array([8, 12]), seed=np.array([1, 2]))[1].frames == 12


@pytest.mark.parametrize("given", ["walk.bvh", Path("walk.bvh"), None, torch.zeros(3)])
def test_what_is_no_motion_is_refused(given: Any, model: TextToMotion) -> None:
    for ask in (
        lambda: model.reconstruct(given),
        lambda: model.edit(given, "a person walks"),
        lambda: model.prolong(given, "a person walks", 1.0),
        lambda: model.vary(given, "a person walks"),
    ):
        with pytest.raises(UserError, match=r"is no motion; read a file with .*read_motion"):
            ask()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda model, motion: model.edit(motion, None), "None is no sentence"),
        (lambda model, motion: model.edit(motion, "a", frames=(20,)), r"\(20,\) is no range of frames"),
        (lambda model, motion: model.edit(motion, "a", frames=(2.5, 8)), "is no range of frames"),
        (lambda model, motion: model.edit(motion, "a", frames="2:8"), "'2:8' is no range of frames"),
        (lambda model, motion: model.edit(motion, "a", seed=None), "seed is None"),
        (lambda model, motion: model.inbetween(motion, "a", keep=(0, 20)), "0 is no range of frames; give"),
        (lambda model, motion: model.inbetween(motion, "a", keep=3), "3 is no range of frames; give"),
        (lambda model, motion: model.prolong(motion, "a", 601), "601 seconds: what is made .* lasts 0.20 to 600.00 s"),
        (lambda model, motion: model.bridge(motion, motion, "a", 1e9), "1e.09 seconds: what is made .* 600.00 seconds"),
        (lambda model, motion: model.vary(motion, "a", 2.5), "2.5 variations"),
        (lambda model, motion: motion.slice(9, 3), "frames 9:3 are none"),
        (lambda model, motion: motion.slice(0, 99), "frames 0:99 are not in the motion, which has frames 0:23"),
    ],
)
def test_bad_changes_are_refused(ask: Callable[..., object], message: str, model: TextToMotion) -> None:
    with pytest.raises(UserError, match=message):
        ask(model, make_motion(frames=23))


def test_one_part_needs_no_list(model: TextToMotion) -> None:
    one, listed = (
        model.edit(make_motion(frames=23), "a person waves", parts=parts, strength="full")
        for parts in ("left arm", ["left arm"])
    )
    torch.testing.assert_close(one.positions, listed.positions)


@pytest.mark.parametrize("device", ["gpu", None, "cuda:99", "cuda"])
def test_devices_that_are_not_there_are_refused(device: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="device"):
        TextToMotion.from_pretrained(folder, device=device)
    assert TextToMotion.from_pretrained(folder, device="auto").device.type == "cpu"


def test_the_folder_above_a_model_is_told_from_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model").symlink_to(folder)
    with pytest.raises(UserError, match=r"did you mean .*/model\?"):
        TextToMotion.from_pretrained(tmp_path)


def test_words_that_the_model_cannot_know(model: TextToMotion, tmp_path: Path) -> None:
    assert model.unknown_words(["a person xyzzy left", "xyzzy, plugh"]) == ["xyzzy", "plugh"]
    assert TextToMotion.from_pretrained(make_model(tmp_path / "t", "tokenizer")).unknown_words(["xyzzy"]) == []


def test_limits_are_allowed(model: TextToMotion) -> None:
    assert (model.min_frames, model.max_frames) == (MIN_FRAMES, MAX_FRAMES)
    for frames in (MIN_FRAMES, MAX_FRAMES):
        assert model.generate("a", frames=frames).frames == frames


def test_folders_that_hold_no_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere: no such model folder"):
        TextToMotion.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no model folder"):
        TextToMotion.from_pretrained(tmp_path)
    (tmp_path / "last.ckpt").touch()
    with pytest.raises(UserError, match=r"last\.ckpt is damaged, or no checkpoint of this suite"):
        TextToMotion.from_pretrained(tmp_path / "last.ckpt")


def test_a_tokenizer_alone_reconstructs_but_does_not_generate(tmp_path: Path) -> None:
    model = TextToMotion.from_pretrained(make_model(tmp_path / "tokenizer", stage="tokenizer"))
    assert model.reconstruct(make_motion()).frames == 23
    with pytest.raises(UserError, match="a tokenizer alone"):
        model.generate("a person walks", seconds=1)


@pytest.mark.parametrize("frames", [1, 2, 23, 33, 34, 101])
def test_reconstruction_has_the_frames_of_the_given_motion(frames: int, model: TextToMotion) -> None:
    motion = make_motion(frames=frames)
    prepared = model.prepare(motion)
    assert model.reconstruct(motion).frames == prepared.frames == frames


def test_preparing_only_moves_and_turns_the_motion(model: TextToMotion) -> None:
    """Distances between joints stay; the rate is the model's; the start is the origin."""
    motion = make_motion(frames=41, fps=40.0)
    prepared = model.prepare(motion)
    assert prepared.fps == FPS
    assert prepared.frames == 21
    assert prepared.root[0, [0, 2]].abs().max() < 1e-6
    expected = motion.positions[::2]
    torch.testing.assert_close(
        torch.cdist(prepared.positions, prepared.positions), torch.cdist(expected, expected), atol=1e-3, rtol=0
    )
    assert prepared.positions[..., 1].min().abs() < 0.05


def test_a_tall_person_gets_the_skeletons_bones(model: TextToMotion) -> None:
    motion = make_motion()
    tall = Motion.from_rotations(
        replace(motion.skeleton, name="mine"), motion.rotations, 1.2 * motion.root, motion.fps, 1.2 * motion.bones
    )
    torch.testing.assert_close(model.prepare(tall).positions, model.prepare(motion).positions, atol=1e-3, rtol=0)


def test_windows_join_without_a_jump(model: TextToMotion, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a tokenizer that changes nothing, a motion three windows long comes back whole."""

    class Exact(torch.nn.Module):
        def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> Any:
            assert features.shape[1] == int(lengths[0]) <= MAX_FRAMES
            return type("Output", (), {"reconstruction": features})

    monkeypatch.setattr(model, "_bundle", replace(model._bundle, tokenizer=Exact()))  # type: ignore[arg-type]
    motion = make_motion(frames=91)
    assert float(mpjpe_world(model.reconstruct(motion).positions[None], model.prepare(motion).positions[None])) < 1e-5


def test_a_model_and_a_motion_say_in_one_line_what_they_are(model: TextToMotion) -> None:
    text = repr(model)
    assert text.startswith(
        f"<TextToMotion of data {model.facts.name} (humanml3d, {FPS:g} fps, up to {MAX_FRAMES} frames"
    )
    assert re.search(r"parameters: tokenizer [\d,]+, transformer [\d,]+, text [\d,]+; digest \w{16}>$", text)
    assert repr(make_motion()) == "<Motion of 23 frames, 1.15 s at 20 fps, humanml3d (22 joints)>"
    assert "\n" not in text


def test_another_skeleton_is_refused(model: TextToMotion) -> None:
    message = "skeleton kit of 21 joints; this model was trained on humanml3d of 22 joints"
    with pytest.raises(UserError, match=message):
        model.reconstruct(make_motion("kit"))
    with pytest.raises(UserError, match=message):
        model.prepare(make_motion("kit"))


def test_using_a_model_loads_no_training_framework(folder: Path) -> None:
    code = f"""
import sys
from scalemogen import TextToMotion
motion = TextToMotion.from_pretrained({str(folder)!r}).generate("a person walks", frames=8)
motion.save({str(folder.parent / "walk.bvh")!r})
print([name for name in ("lightning", "wandb", "jsonargparse", "matplotlib") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert re.match(r"HIERARCHY\nROOT", (folder.parent / "walk.bvh").read_text())

"""Edits through TextToMotion on a tiny model with random weights: what may change does, all else stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.models import FPS, MAX_FRAMES, make_model
from helpers.motions import make_motion
from scalemogen.editing import EditReport, EditRequest, align, part_numbers
from scalemogen.errors import UserError
from scalemogen.export import write_bvh
from scalemogen.motion import Motion, read_bvh
from scalemogen.motion.rest import reposed, t_pose
from scalemogen.pipeline import TextToMotion
from scalemogen.skeletons import get_skeleton

TEXT, SOURCE = "a person waves with the left hand", "a person walks"
SKELETON = get_skeleton("humanml3d")
STRONG = EditRequest(TEXT, SOURCE, strength="strong")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TextToMotion:
    return TextToMotion.from_pretrained(make_model(tmp_path_factory.mktemp("models") / "model"))


@pytest.fixture(scope="module")
def motion() -> Motion:
    """Stands anywhere, faces anywhere."""
    given = make_motion(frames=29)
    moved = given.positions + torch.tensor([3.0, 0.0, -2.0])
    return replace(given, positions=moved)


def joints_of(name: str) -> list[int]:
    return [j for j, part in enumerate(SKELETON.part_of) if SKELETON.parts[part] == name]


def moved(one: Motion, other: Motion) -> Tensor:
    """(T, J) metres."""
    return torch.linalg.vector_norm(one.positions - other.positions, dim=-1)


@pytest.mark.parametrize("strength", ["subtle", "medium", "strong", "full"])
def test_only_the_parts_and_frames_asked_for_change(model: TextToMotion, motion: Motion, strength: str) -> None:
    """Known defect of the reference: a frame range makes the parts ineffective. Here both hold."""
    edited = model.edit(motion, TEXT, source_text=SOURCE, parts=["right arm"], frames=(9, 22), strength=strength)
    assert (edited.frames, edited.fps) == (29, FPS)
    distance = moved(edited, motion)
    arm = joints_of("right arm")
    others = [joint for joint in range(22) if joint not in arm]
    assert float(distance[:, others].max()) < 1e-3, "other parts, all frames: the rounding of features"
    assert float(distance[:9].max()) < 1e-3
    assert float(distance[22:].max()) < 1e-3
    if strength in {"strong", "full"}:
        assert float(distance[12:19, arm[1:]].max()) > 0.02


def test_parts_alone_and_frames_alone(model: TextToMotion, motion: Motion) -> None:
    arm = moved(model.edit(motion, TEXT, parts=["right arm"], strength="full"), motion)
    assert float(arm[:, joints_of("left leg")].max()) < 1e-3
    assert float(arm[0, joints_of("right arm")[1:]].max()) > 0.02, "from the first frame on"
    frames = moved(model.edit(motion, TEXT, frames=(0, 11), strength="full"), motion)
    assert float(frames[:11, joints_of("left leg")].max()) > 0.02


def test_the_decoder_alone_would_move_more(model: TextToMotion, motion: Motion) -> None:
    """Why results are composed: a decoder mixes parts and moments, and loses what tokens do not hold."""
    request = replace(STRONG, parts=("right arm",))
    composed, raw = model.edit_with_report([motion] * 2, [request, replace(request, compose=False)])
    assert composed.report.kept == raw.report.kept
    assert float(composed.report.moved["left leg"].max()) < 0.1
    assert float(raw.report.moved["left leg"].max()) > 1.0


def test_feet_are_cleaned_where_legs_were_to_change(model: TextToMotion, motion: Motion) -> None:
    request = EditRequest(TEXT, frames=(8, 24), strength="full")
    legs = [*joints_of("left leg"), *joints_of("right leg")]
    (kept,), (cleaned,) = (model.edit_with_report([motion], [request], clean=clean) for clean in (False, True))
    change = moved(cleaned.motion, kept.motion)
    outside = [*range(8), *range(24, 29)]
    assert float(change[outside].max()) < 1e-5
    assert float(change[:, legs].max()) > 1e-3
    (arm, raw_arm) = (model.edit(motion, TEXT, parts=["left arm"], clean=clean) for clean in (True, False))
    assert torch.equal(arm.positions, raw_arm.positions)
    raw = replace(request, compose=False)
    decoded = [model.edit_with_report([motion], [raw], clean=clean)[0].motion for clean in (False, True)]
    assert torch.equal(decoded[0].positions, decoded[1].positions)


def test_a_batch_gives_what_each_gives_alone(model: TextToMotion, motion: Motion) -> None:
    short = motion.slice(3, 16)
    requests = [STRONG, replace(STRONG, parts=("legs",), seed=5), replace(STRONG, source_text=None, strength="full")]
    motions = [motion, short, short]
    together = model.edit_with_report(motions, requests)
    for given, request, edited in zip(motions, requests, together, strict=True):
        (alone,) = model.edit_with_report([given], [request])
        torch.testing.assert_close(edited.motion.positions, alone.motion.positions, atol=1e-5, rtol=0)
        assert edited.report.kept == pytest.approx(alone.report.kept)


def test_the_same_sentence_keeps_every_bit(model: TextToMotion, motion: Motion) -> None:
    (edited,) = model.edit_with_report([motion], [EditRequest(SOURCE, SOURCE, parts=("arms",), tau=1e-4, gamma=0)])
    assert edited.report.kept == (1.0, 1.0, 1.0)


def test_strengths_are_ordered(model: TextToMotion, motion: Motion) -> None:
    names = ["subtle", "medium", "strong", "full"]
    edits = model.edit_with_report([motion] * 4, [replace(STRONG, strength=name) for name in names])
    kept = [sum(edit.report.kept) for edit in edits]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > kept[-1]


def test_full_strength_does_not_look_at_the_source(
    model: TextToMotion, motion: Motion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No pass over the source where no result depends on it; else one, of all scales at once."""
    passes: list[str | None] = []
    original = model._bundle.ar.forward  # type: ignore[union-attr]

    def counting(*arguments: Any) -> Tensor:
        passes.append("source")
        return original(*arguments)

    monkeypatch.setattr(model._bundle.ar, "forward", counting)
    model.edit(motion, TEXT, source_text=SOURCE, strength="full")
    assert not passes
    model.edit(motion, TEXT, source_text=SOURCE, strength="strong")
    assert len(passes) == 1


def test_a_part_of_a_long_motion(model: TextToMotion) -> None:
    """The model sees what surrounds the frames; the rest of the motion need not fit."""
    long = make_motion(frames=150)
    for first in (0, 61, 139):
        edited = model.edit(long, TEXT, parts=["right arm"], frames=(first, first + 11), strength="full")
        distance = moved(edited, long)
        inside = distance[first : first + 11].clone()
        distance[first : first + 11] = 0.0
        assert edited.frames == 150
        assert float(distance.max()) < 2e-3
        assert float(inside.max()) > 0.02


def test_a_file_in_t_pose_is_the_same_motion(model: TextToMotion, motion: Motion, tmp_path: Path) -> None:
    """What `export --rest t-pose` writes starts its rotations elsewhere; the model must not take them for its own."""
    write_bvh(reposed(motion, t_pose(motion)), tmp_path / "t-pose.bvh")
    again = read_bvh(tmp_path / "t-pose.bvh", skeleton=SKELETON)
    taken, expected = (align(one, model.facts) for one in (again, motion))
    torch.testing.assert_close(taken.positions, expected.positions, atol=1e-4, rtol=0)
    cosines = (taken.rotations * expected.rotations).sum(-1).abs()
    torch.testing.assert_close(cosines, torch.ones_like(cosines), atol=1e-5, rtol=0)
    one, other = (model.edit(given, TEXT, parts=["right arm"], strength="full") for given in (again, motion))
    torch.testing.assert_close(one.positions, other.positions, atol=5e-3, rtol=0)


def test_frames_are_those_of_the_given_motion(model: TextToMotion) -> None:
    """At 60 frames per second, frames 30 to 59 are the second half second; the result has the model's rate."""
    fast = make_motion(frames=85, fps=60.0)
    edited = model.edit(fast, TEXT, parts=["right arm"], frames=(30, 60), strength="full")
    assert (edited.frames, edited.fps) == (29, FPS)
    changed = moved(edited, fast.resample(FPS)).amax(1) > 2e-3
    assert changed.nonzero()[:, 0].tolist() == list(range(10, 20))


def test_the_report(model: TextToMotion, motion: Motion) -> None:
    (edited,) = model.edit_with_report([motion], [replace(STRONG, parts=("right arm",), frames=(8, 20))])
    report = edited.report
    arm = joints_of("right arm")
    expected = 100 * moved(edited.motion, edited.original)[:, arm].mean(1)
    torch.testing.assert_close(report.moved["right arm"].float(), expected, atol=0.02, rtol=0)
    values = report.to_dict()
    assert len(values["kept_bits"]) == 3
    assert list(values["moved_cm"]) == list(SKELETON.parts)
    assert len(values["moved_cm"]["head"]["frames"]) == 29
    assert values["path_cm"] == {"end": 0.0, "most": 0.0}
    lines = report.table().splitlines()
    assert lines[0].startswith("bits kept, %, by scale from coarse to fine: ")
    assert len(lines) == 2 + 7 + 1
    still = EditReport((1.0,), {"head": torch.zeros(3)}, torch.zeros(3), FPS)
    assert still.table().splitlines()[2].split() == ["head", "0.0", "0.0", "-"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text": " "}, "the sentence is empty"),
        ({"source_text": ""}, "the sentence of the source is empty"),
        ({"parts": ["left wing"]}, "unknown body part 'left wing', did you mean 'left leg'|unknown body part"),
        ({"parts": ["right armm"]}, "did you mean 'right arm'.* has root, left leg, right leg, spine"),
        ({"parts": []}, "no body part given; humanml3d has root"),
        ({"frames": (20, 6)}, r"frames 20:6 are none: the first must lie before the one after the last"),
        ({"frames": (5, 30)}, r"frames 5:30 are not in the motion, which has frames 0:29 \(1.45 seconds at 20"),
        ({"frames": (7, 7)}, "frames 7:7 are none"),
        ({"frames": (-3, 7)}, "frames -3:7 are not"),
        ({"strength": "huge"}, "unknown strength 'huge'; choose from subtle, medium, strong, full"),
        ({"seed": -1}, "seed -1"),
        ({"guidance": -1.0}, "guidance is -1"),
        ({"temperature": 0.0}, "temperature is 0"),
        ({"text": "walk " * 500}, "too long"),
    ],
)
def test_bad_requests_are_refused(model: TextToMotion, motion: Motion, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        model.edit(motion, **{"text": TEXT, **options})


def test_bad_motions_are_refused(model: TextToMotion, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="skeleton kit of 21 joints; this model was trained on humanml3d"):
        model.edit(make_motion("kit"), TEXT)
    with pytest.raises(UserError, match=r"the motion has 1.65 seconds; this model edits at most 1.60 at a time"):
        model.edit(make_motion(frames=MAX_FRAMES + 1), TEXT)
    with pytest.raises(UserError, match=r"the frames to edit span 1.65 seconds"):
        model.edit(make_motion(frames=60), TEXT, frames=(10, 43))
    with pytest.raises(UserError, match=r"a motion of 0.15 seconds is too short; this model edits 0.20 or more"):
        model.edit(make_motion(frames=3), TEXT)
    with pytest.raises(UserError, match="gamma is 4; it counts scales, so it must be 0 to 3"):
        model.edit_with_report([make_motion()], [replace(STRONG, gamma=4)])
    with pytest.raises(UserError, match="tau is 2"):
        replace(STRONG, tau=2.0)
    tokenizer = TextToMotion.from_pretrained(make_model(tmp_path / "tokenizer", stage="tokenizer"))
    with pytest.raises(UserError, match="a tokenizer alone"):
        tokenizer.edit(make_motion(), TEXT)


def test_parts_have_the_names_people_use() -> None:
    assert part_numbers(SKELETON, None) == frozenset(range(7))
    assert part_numbers(SKELETON, ["Left_Arm", "right-arm"]) == part_numbers(SKELETON, [" arms "]) == {4, 5}
    assert part_numbers(SKELETON, ["legs", "head"]) == {1, 2, 6}

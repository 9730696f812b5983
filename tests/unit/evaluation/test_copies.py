"""Copies of training clips are seen after a tokenizer, trimmed or not; motions of their own are not taken for any."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from helpers.evaluation import make_settings, make_subject
from helpers.stores import random_features, write_store
from scalemogen.contracts import TokenMaps
from scalemogen.evaluation import Batching, Subject, evaluate
from scalemogen.evaluation.copies import (
    COPIES,
    GENERATED,
    HELD_OUT,
    MOST,
    PART,
    CopySearch,
    memorisation,
    overlapping_parts,
    poses_from_root,
    spread_out,
)
from scalemogen.evaluation.draws import Window
from scalemogen.evaluation.report_html import _notes
from scalemogen.evaluation.report_markdown import memorisation_note
from scalemogen.evaluation.subject import Rebuilt, Request
from scalemogen.evaluators import Evaluator
from scalemogen.motion import get_layout
from scalemogen.motion.rotations import turn_about_y
from scalemogen.skeletons import get_skeleton

ERROR = 0.2
"""Of the toy tokenizer; independent features differ by sqrt(2)."""

TRAINED = (90, 31, 24, 320, 47, 23, 71)


class Toy(Subject):
    """A model whose tokenizer adds noise, and which generates beginnings of what it is told to."""

    source: Sequence[Tensor] = ()

    def rebuild(self, windows: Sequence[Window], every_scale: bool = False) -> Rebuilt:
        features, _ = self.real(windows)
        noise = [random_features(features.shape[1], 900 + window.clip) for window in windows]
        rebuilt = features + ERROR * torch.stack([torch.from_numpy(part) for part in noise])
        found = super().rebuild(windows, every_scale)
        return Rebuilt([*found.features[:-1], rebuilt], found.maps)

    def generate(self, requests: Sequence[Request]) -> tuple[Tensor, Tensor, TokenMaps]:
        features, lengths, maps = super().generate(requests)
        made = torch.zeros_like(features)
        for row, request in zip(made, requests, strict=True):
            row[: request.frames] = self.source[request.seed % len(self.source)][: request.frames]
        return made, lengths, maps


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Subject, Evaluator]:
    return make_subject(tmp_path_factory.mktemp("copies"))


@pytest.fixture(scope="module")
def toy(base: tuple[Subject, Evaluator], tmp_path_factory: pytest.TempPathFactory) -> Toy:
    # Clips of one number are the same noise in every split; the first seven of the test are too short to be judged.
    lengths = {"train": TRAINED, "test": [19] * len(TRAINED) + [20, 32, 29, 43, 31, 24]}
    return Toy(base[0].bundle, write_store(tmp_path_factory.mktemp("toy") / "store", lengths))


def distances(toy: Toy, *features: Tensor) -> Tensor:
    search = CopySearch(toy, Batching(3, quiet=True))
    padded = torch.nn.utils.rnn.pad_sequence(list(features), batch_first=True)
    openings = search.openings(padded, torch.tensor([len(one) for one in features]))
    return search.distances(openings, [-1] * len(features), "copies")


def alone(frames: int, seed: int) -> Tensor:
    return torch.from_numpy(random_features(frames, 500 + seed))


def test_copies_through_a_tokenizer_are_seen(toy: Toy) -> None:
    search = CopySearch(toy, Batching(3, quiet=True))
    whole = [Window(clip, 0, min(frames, 32)) for clip, frames in enumerate(TRAINED)]
    trimmed = [Window(0, 13, 30), Window(1, 5, 26), Window(2, 1, 21), Window(3, 289, 31), Window(3, 240, 32)]
    copies = search.distances(search.rebuilt([*whole, *trimmed], "copies"), [-1] * 12, "copies")
    held, made = (distances(toy, *(alone(20 + 5 * at, seed + at) for at in range(11))) for seed in (0, 100))
    found = memorisation(made, held, copies)
    assert found["nearer"] == {GENERATED: pytest.approx(0.0, abs=0.2), HELD_OUT: pytest.approx(1 / 11), COPIES: 1.0}
    assert found["power"]
    assert found["quantiles_mm"][COPIES]["95 %"] < 0.5 * found["quantiles_mm"][GENERATED]["least"]


def test_the_distance_is_that_of_a_plain_loop(toy: Toy) -> None:
    layout, motion = get_layout(toy.store.facts.layout), alone(25, 0)
    mine = poses_from_root(layout, motion[None])[0, ::2].double()
    least = math.inf
    for clip, frames in enumerate(TRAINED):
        theirs = poses_from_root(layout, torch.tensor(toy.store.clip(clip))[None])[0].double()
        for start in range(frames - 24):
            apart = torch.linalg.vector_norm(mine - theirs[start : start + 25 : 2], dim=-1)
            least = min(least, float(apart.square().mean().sqrt()))
    assert float(distances(toy, motion)) == pytest.approx(1000 * least, rel=1e-5)


def test_a_clip_is_not_compared_with_itself_where_it_is_its_own(toy: Toy) -> None:
    search = CopySearch(toy, Batching(3, quiet=True))
    openings = search.openings(*toy.real([Window(4, 3, 40)]))
    with_it, without = (float(search.distances(openings, [own], "copies")) for own in (-1, 4))
    assert with_it == pytest.approx(0.0, abs=0.01)
    assert without > 1000


def test_what_is_not_judged(toy: Toy) -> None:
    short, fair, long = alone(19, 0), alone(20, 1), alone(400, 2)
    assert distances(toy, short, fair, long).isnan().tolist() == [True, False, False]  # of 400 frames the first 60
    nothing = memorisation(*(torch.full((count,), math.nan) for count in (3, 2, 1)))
    assert (nothing["threshold_mm"], nothing["power"], nothing["left_out"][GENERATED]) == (None, False, 3)
    assert "Nothing to judge: motions of at least 1 s" in memorisation_note(nothing)
    uncontrolled = memorisation(torch.ones(3), torch.ones(2), torch.ones(0))
    assert "no reconstructed training clips" in memorisation_note(uncontrolled)
    assert "no power" in memorisation_note(uncontrolled)


def test_a_motion_longer_than_every_clip_is_not_judged(base: tuple[Subject, Evaluator], tmp_path: Path) -> None:
    small = Toy(base[0].bundle, write_store(tmp_path / "store", {"train": [24, 21], "test": [30]}))
    assert distances(small, alone(24, 0), alone(25, 0)).isnan().tolist() == [False, True]


@pytest.mark.parametrize("layout", ["humanml3d", "snapmogen"])
def test_place_and_heading_do_not_count(layout: str) -> None:
    kind, skeleton = get_layout(layout), get_skeleton("humanml3d")
    joints = torch.randn(1, 13, 22, 3, generator=torch.Generator().manual_seed(0))
    rest = torch.zeros(1, 13, 22, 4) + torch.tensor([0.0, 0.0, 0.0, 1.0])
    turned = turn_about_y(joints, torch.tensor(1.1)) + torch.tensor([3.0, 0.2, -7.0])
    one, other = (poses_from_root(kind, kind.encode(x, rest, skeleton)) for x in (joints, turned))
    assert one.shape == (1, 12, 22, 3)
    torch.testing.assert_close(one, other, rtol=0, atol=2e-5)
    lengths = (torch.linalg.vector_norm(x - x[..., :1, :], dim=-1) for x in (joints[:, :-1], one))
    torch.testing.assert_close(*lengths, rtol=0, atol=2e-5)
    assert float(one[..., 0, :].abs().max()) == 0.0


def test_parts_hold_every_segment(toy: Toy) -> None:
    parts = overlapping_parts(toy.store, [2, 3], 60)
    assert parts == [Window(2, 0, 24), Window(3, 0, 315), Window(3, 256, 64)]
    assert PART == 256
    assert spread_out(3) == [0, 1, 2]
    assert (len(spread_out(5000)), spread_out(5000)[-1]) == (MOST, 4990)


@pytest.mark.parametrize("copying", [True, False])
def test_a_model_that_copies_is_told_from_one_that_does_not(
    toy: Toy, base: tuple[Subject, Evaluator], copying: bool
) -> None:
    clips = [torch.tensor(toy.store.clip(clip)) for clip in (0, 3, 4, 6)]
    toy.source = [one + ERROR * alone(len(one), 0) for one in clips] if copying else [alone(40, at) for at in range(9)]
    split = evaluate(toy, base[1], ["test"], make_settings(repeats=1)).result["splits"]["test"]
    found = split["memorisation"]
    assert found["judged"] == {GENERATED: 6, HELD_OUT: 6, COPIES: len(TRAINED)}
    assert found["left_out"] == {GENERATED: 7, HELD_OUT: 7, COPIES: 0}
    assert found["nearer"][COPIES] == 1.0
    assert found["nearer"][GENERATED] == (1.0 if copying else pytest.approx(0.0, abs=0.4))
    assert found["nearer"][HELD_OUT] == pytest.approx(1 / 6)
    note = memorisation_note(found)
    share = f"{100 * found['nearer'][GENERATED]:.1f} %"
    assert f"Of 6 generated motions {share} are nearer" in note
    assert "of 7 reconstructed training clips - true copies - 100.0 % are." in note
    assert "no power" not in note
    assert any("nearest training segment" in part for part in _notes(split))


def test_a_check_without_power_says_so() -> None:
    found = memorisation(torch.rand(50) + 5, torch.rand(50) + 5, torch.rand(50) + 5.3)
    assert not found["power"]
    assert "The check has no power here" in memorisation_note(found)

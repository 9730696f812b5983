"""Copies of training clips are seen by their bits; motions of their own are not taken for any."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from helpers.evaluation import make_settings, make_subject
from helpers.stores import write_store
from scalemogen.contracts import TokenMaps
from scalemogen.evaluation import Batching, Subject, evaluate
from scalemogen.evaluation.copies import COPIES, GENERATED, HELD_OUT, CopyCheck, memorisation, signed_bits
from scalemogen.evaluation.draws import Window
from scalemogen.evaluation.report_html import _notes
from scalemogen.evaluation.report_markdown import memorisation_note
from scalemogen.evaluation.subject import Request
from scalemogen.evaluators import Evaluator
from scalemogen.scales import Quantised

TRAINED = (32, 31, 24, 30, 29, 23, 27)


class Toy(Subject):
    """A model whose tokenizer has bits of its own for every clip."""

    def tokens(self, windows: Sequence[Window]) -> tuple[Quantised, Tensor]:
        quantised, lengths = super().tokens(windows)
        spec, maps = self.bundle.spec, quantised.maps
        bits: list[list[Tensor]] = [[] for _ in maps.bits]
        for window in windows:
            generator = torch.Generator().manual_seed(900 + window.clip)
            for own, valid, (cells, groups) in zip(bits, maps.valid, spec.sizes, strict=True):
                own.append(torch.rand(cells, groups, spec.bits, generator=generator)[: valid.shape[1]] < 0.5)
        drawn = tuple(torch.stack(own) & valid[:, :, None, None] for own, valid in zip(bits, maps.valid, strict=True))
        return replace(quantised, maps=replace(maps, bits=drawn)), lengths


class Replaying(Toy):
    """A model that gives the training clips back, token by token."""

    def generate(self, requests: Sequence[Request]) -> tuple[Tensor, Tensor, TokenMaps]:
        windows = [Window(request.seed % len(TRAINED), 0, request.frames) for request in requests]
        features, lengths = self.real(windows)
        return features, lengths, self.tokens(windows)[0].maps


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Subject, Evaluator]:
    folder = tmp_path_factory.mktemp("copies")
    subject, evaluator = make_subject(folder)
    store = write_store(folder / "other", {"train": TRAINED, "val": [4] * 40, "test": [20, 22, 19, 23, 21, 18]})
    return Toy(subject.bundle, store), evaluator


def check(subject: Subject) -> CopyCheck:
    return CopyCheck(subject, Batching(3, quiet=True))


def test_bits_stand_at_their_place_on_the_full_grid(made: tuple[Subject, Evaluator]) -> None:
    subject = made[0]
    spec = subject.bundle.spec
    both = subject.tokens([Window(0, 0, 32), Window(2, 0, 9)])[0].maps
    alone = subject.tokens([Window(2, 0, 9)])[0].maps
    found = signed_bits(both, spec)
    assert found.shape == (2, spec.tokens * spec.bits)
    assert torch.equal(found[1:], signed_bits(alone, spec))  # however far the batch reaches
    inside = sum(int(valid[0].sum()) * groups for valid, (_, groups) in zip(alone.valid, spec.sizes, strict=True))
    assert int(found[1].abs().sum()) == inside * spec.bits
    first = torch.where(alone.bits[0][0, 0, 0], 1, -1)
    assert torch.equal(found[1, : spec.bits], first.to(torch.int8))


def test_the_share_is_that_of_a_plain_loop(made: tuple[Subject, Evaluator]) -> None:
    one = check(made[0])
    windows = [Window(clip, 0, frames) for clip, frames in enumerate(TRAINED)]
    trained = one.bits(windows, "bits")
    query = one.bits([Window(len(TRAINED) + 40, 0, 20)], "bits")  # of a test clip
    shares = []
    for row in trained:
        both = (row != 0) & (query[0] != 0)
        if int(both.sum()) >= 0.8 * int((query[0] != 0).sum()):
            shares.append(float((row[both] == query[0][both]).float().mean()))
    assert float(one.shared(query, [-1])) == pytest.approx(max(shares), abs=1e-6)


def test_a_clip_is_not_compared_with_itself_where_it_is_its_own(made: tuple[Subject, Evaluator]) -> None:
    one = check(made[0])
    bits = one.bits([Window(3, 0, TRAINED[3])], "bits")
    assert float(one.shared(bits, [-1])) == 1.0
    assert float(one.shared(bits, [3])) < 0.7


def test_copies_have_a_tenth_of_their_bits_turned_by_seed(made: tuple[Subject, Evaluator]) -> None:
    one = check(made[0])
    copies = one.copies(5, seed=3)
    assert torch.equal(copies, one.copies(5, seed=3))
    assert len(one.copies(99, seed=3)) == len(TRAINED)
    assert one.shared(copies, [-1] * 5).tolist() == pytest.approx([0.9] * 5, abs=0.04)


def test_a_motion_that_no_clip_covers_is_left_out(made: tuple[Subject, Evaluator], tmp_path: Path) -> None:
    small = Subject(made[0].bundle, write_store(tmp_path / "store", {"train": [9, 8], "test": [32, 9]}))
    one = check(small)
    assert one.shared(one.bits([Window(2, 0, 32), Window(3, 0, 9)], "bits"), [-1, -1]).isnan().tolist() == [True, False]


@pytest.mark.parametrize("copying", [True, False])
def test_a_model_that_copies_is_told_from_one_that_does_not(made: tuple[Subject, Evaluator], copying: bool) -> None:
    subject, evaluator = made
    model = Replaying(subject.bundle, subject.store) if copying else subject
    split = evaluate(model, evaluator, ["test"], make_settings(repeats=1)).result["splits"]["test"]
    found = split["memorisation"]
    assert found["judged"] == {GENERATED: 6, HELD_OUT: 6, COPIES: 6}
    assert found["nearer"][COPIES] == 1.0
    assert found["nearer"][GENERATED] == pytest.approx(1.0 if copying else 0.0, abs=0.2)
    note = memorisation_note(found)
    assert "Of 6 generated motions " in note
    assert "of 6 copies, training clips with 10% of their bits turned, 100.0 % do." in note
    assert "no power" not in note
    assert any("bits in common" in part for part in _notes(split))


def test_what_cannot_be_judged_says_so() -> None:
    nothing = memorisation(*(torch.full((count,), math.nan) for count in (3, 2, 1)))
    assert (nothing["threshold"], nothing["power"], nothing["left_out"][GENERATED]) == (None, False, 3)
    assert "Nothing to judge" in memorisation_note(nothing)
    powerless = memorisation(torch.rand(50), torch.rand(50), torch.rand(50) * 0.5)
    assert not powerless["power"]
    assert "The check has no power here" in memorisation_note(powerless)

"""The contrastive loss by hand."""

from __future__ import annotations

import math

import pytest
import torch

from scalemogen.evaluators import caption_labels, info_nce, retrieval_figures

TEMPERATURE = 0.5


def unit(count: int, seed: int) -> torch.Tensor:
    rows = torch.randn(count, 7, generator=torch.Generator().manual_seed(seed))
    return rows / rows.norm(dim=-1, keepdim=True)


def by_hand(motions: torch.Tensor, texts: torch.Tensor, against: list[set[int]]) -> list[float]:
    """Return the loss of each pair, with its negatives given."""
    exponent = (motions.double() @ texts.double().T / TEMPERATURE).exp().tolist()
    losses = []
    for i, others in enumerate(against):
        row = exponent[i][i] / sum(exponent[i][j] for j in {i} | others)
        column = exponent[i][i] / sum(exponent[j][i] for j in {i} | others)
        losses.append(-0.5 * (math.log(row) + math.log(column)))
    return losses


def test_labels() -> None:
    labels = caption_labels(["A person  walks.", "a person walks", "a person runs", "", "  . "])
    assert labels[0] == labels[1]
    assert len(set(labels.tolist())) == 3
    assert labels[3] == labels[4] == -1
    assert (caption_labels([f"caption {number}" for number in range(97)]) >= 0).all()  # none is taken for a missing one
    assert torch.equal(labels, caption_labels(["a person walks", "a person walks.", "A PERSON RUNS", "", ""]))


def test_all_other_pairs_are_negatives() -> None:
    motions, texts = unit(3, 0), unit(3, 1)
    expected = by_hand(motions, texts, [{1, 2}, {0, 2}, {0, 1}])
    loss = info_nce(motions, texts, torch.tensor([5, 6, 7]), TEMPERATURE)
    assert float(loss) == pytest.approx(sum(expected) / 3, rel=1e-5)


def test_equal_captions_are_no_negatives_and_missing_ones_do_not_count() -> None:
    motions, texts = unit(5, 2).requires_grad_(), unit(5, 3)
    labels = torch.tensor([4, 9, 4, -1, -1])
    expected = by_hand(motions, texts, [{1}, {0, 2}, {1}, set(), set()])
    loss = info_nce(motions, texts, labels, TEMPERATURE)
    assert float(loss.detach()) == pytest.approx(sum(expected[:3]) / 3, rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, motions)
    assert gradient.isfinite().all()
    assert gradient[3:].abs().max() == 0


def test_without_captions_there_is_nothing_to_learn() -> None:
    motions = unit(2, 0).requires_grad_()
    loss = info_nce(motions, unit(2, 1), torch.tensor([-1, -1]), TEMPERATURE)
    (gradient,) = torch.autograd.grad(loss, motions)
    assert float(loss.detach()) == 0
    assert gradient.abs().max() == 0


def test_retrieval_of_a_perfect_and_of_a_blind_evaluator() -> None:
    captions = [f"caption {number // 2}" for number in range(74)]  # each of 37 captions twice
    texts = unit(74, 4)[torch.arange(74) // 2]
    perfect = retrieval_figures(texts, texts, captions, "cosine")
    assert perfect["gallery/text_to_motion_r1"] == perfect["pool32/motion_to_text_r1"] == 1.0
    assert perfect["gallery/motion_to_text_median_rank"] == 1.0
    blind = retrieval_figures(texts[:1].expand(74, -1), texts, captions, "cosine")
    assert blind["pool32/text_to_motion_r3"] == pytest.approx(3 / 32)
    few = retrieval_figures(texts[:40], texts[:40], captions[:40], "cosine")  # 20 captions
    assert not any(name.startswith("pool") for name in few)
    assert set(few) == {name for name in perfect if name.startswith("gallery")}

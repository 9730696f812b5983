"""What every evaluator refuses before it embeds anything."""

from __future__ import annotations

import pytest
import torch

from helpers.evaluators import make_evaluator, make_facts
from scalemogen.errors import UserError
from scalemogen.evaluators import ContrastiveEvaluator

LENGTHS = torch.tensor([17, 5, 11])


@pytest.fixture(scope="module")
def evaluator() -> ContrastiveEvaluator:
    return make_evaluator()


def test_features_of_another_width_are_refused(evaluator: ContrastiveEvaluator) -> None:
    with pytest.raises(UserError, match=r"takes features \(B, T, 263\) of layout humanml3d .* given \(3, 17, 251\)"):
        evaluator.embed_motions(torch.zeros(3, 17, 251), LENGTHS)
    with pytest.raises(UserError, match=r"and \(2,\)"):
        evaluator.embed_motions(torch.zeros(3, 17, 263), LENGTHS[:2])


@pytest.mark.parametrize("length", [0, 18])
def test_impossible_lengths_are_refused(evaluator: ContrastiveEvaluator, length: int) -> None:
    with pytest.raises(UserError, match=r"each must lie in 1\.\.17"):
        evaluator.embed_motions(torch.zeros(3, 17, 263), torch.tensor([17, length, 3]))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_broken_values_count_inside_a_motion_only(evaluator: ContrastiveEvaluator, value: float) -> None:
    features = torch.randn(3, 17, 263)
    clean = evaluator.embed_motions(features, LENGTHS).matching
    features[1, 5, 7] = value  # the first frame beyond
    torch.testing.assert_close(evaluator.embed_motions(features, LENGTHS).matching, clean)
    features[1, 4, 7] = value
    with pytest.raises(UserError, match=r"motions \[1\] of 3 are not finite"):
        evaluator.embed_motions(features, LENGTHS)


def test_sentences_that_say_nothing_are_refused(evaluator: ContrastiveEvaluator) -> None:
    with pytest.raises(UserError, match="no sentences"):
        evaluator.embed_texts([])
    with pytest.raises(UserError, match=r"sentences \[1\] of 2 are empty"):
        evaluator.embed_texts(["a person walks", "  "])
    with pytest.raises(UserError, match="1 tagged sentences for 2"):
        evaluator.embed_texts(["a person walks", "a person runs"], ["a/DET person/NOUN walk/VERB"])


def test_data_of_another_kind_is_refused_by_both_names(evaluator: ContrastiveEvaluator) -> None:
    evaluator.require(make_facts(), "the store")
    with pytest.raises(UserError, match=r"the store has .* bandai_namco .* evaluator contrastive-toy .* human"):
        evaluator.require(make_facts("bandai_namco"), "the store")
    with pytest.raises(UserError, match=r"at 30 frames per second; .* at 20"):
        evaluator.require(make_facts(fps=30.0), "the store")


def test_nothing_is_recorded_for_gradients(evaluator: ContrastiveEvaluator) -> None:
    assert not evaluator.embed_motions(torch.zeros(3, 17, 263), LENGTHS).matching.requires_grad
    assert not evaluator.embed_texts(["a person walks"]).requires_grad

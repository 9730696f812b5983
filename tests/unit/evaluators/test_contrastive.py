"""The contrastive evaluator: embeddings depend on one motion or one sentence, and on nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from helpers.evaluators import SIZES, make_evaluator
from scalemogen.errors import UserError
from scalemogen.evaluators import ContrastiveNetwork
from scalemogen.evaluators.towers import positions

LENGTHS = torch.tensor([23, 1, 6, 8])
CAPTIONS = ["a person walks to the left", "someone waves", "a man jumps twice and then sits down"]


def test_embeddings_are_unit_vectors_of_the_same_space() -> None:
    evaluator = make_evaluator()
    motions = evaluator.embed_motions(torch.randn(4, 23, 263), LENGTHS)
    texts = evaluator.embed_texts(CAPTIONS)
    assert motions.matching.shape == (4, 11)
    assert texts.shape == (3, 11)
    assert motions.distribution is motions.matching
    for embeddings in (motions.matching, texts):
        torch.testing.assert_close(embeddings.norm(dim=-1), torch.ones(len(embeddings)))


def test_an_embedding_does_not_depend_on_its_batch() -> None:
    evaluator = make_evaluator()
    features = torch.randn(4, 23, 263)
    together = evaluator.embed_motions(features, LENGTHS).matching
    for row, length in enumerate(LENGTHS.tolist()):
        alone = evaluator.embed_motions(features[row : row + 1, :length], LENGTHS[row : row + 1]).matching
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=0)
    texts = evaluator.embed_texts(CAPTIONS)
    for row, caption in enumerate(CAPTIONS):
        torch.testing.assert_close(texts[row : row + 1], evaluator.embed_texts([caption]), atol=1e-5, rtol=0)


def test_every_frame_and_the_order_count() -> None:
    evaluator = make_evaluator()
    features = torch.randn(1, 23, 263)
    whole = torch.tensor([23])
    base = evaluator.embed_motions(features, whole).matching
    for frame in (0, 11, 22):
        changed = features.clone()
        changed[:, frame] += 1.0
        assert (evaluator.embed_motions(changed, whole).matching - base).norm() > 1e-4
    assert (evaluator.embed_motions(features.flip(1), whole).matching - base).norm() > 1e-3


def test_raw_features_are_normalised_inside() -> None:
    """The padding is zero after normalisation, as in training, and not before."""
    evaluator = make_evaluator()
    normalised = torch.randn(2, 13, 263)
    normalised[1, 7:] = 0.0
    lengths = torch.tensor([13, 7])
    raw = normalised * evaluator.facts.std + evaluator.facts.mean
    with torch.no_grad():
        expected = evaluator.network.embed_motions(normalised, lengths)
    torch.testing.assert_close(evaluator.embed_motions(raw, lengths).matching, expected, atol=1e-5, rtol=0)


def test_the_digest_is_of_weights_words_and_data() -> None:
    evaluator = make_evaluator()
    assert evaluator.digest == make_evaluator().digest
    others = {make_evaluator(seed=1).digest, make_evaluator(mean=evaluator.facts.mean + 1).digest}
    words = make_evaluator()
    with torch.no_grad():
        next(words.text.parameters()).add_(1.0)
    assert len({evaluator.digest, words.digest, *others}) == 4


def test_captions_that_are_too_long_are_cut() -> None:
    assert make_evaluator().embed_texts(["walk " * 500]).isfinite().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"width": 25}, "multiple"), ({"patch": 3}, "even"), ({"layers": 0}, "at least 1"), ({"heads": 0}, "multiple")],
)
def test_sizes_that_do_not_fit_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ContrastiveNetwork(features=7, text_width=5, **{**SIZES, **change})


def test_positions_by_hand() -> None:
    table = positions(3, 4)
    expected = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.8414710, 0.0099998, 0.5403023, 0.9999500]])
    torch.testing.assert_close(table[:2], expected)


def test_facts_come_from_the_data() -> None:
    evaluator = make_evaluator(fps=30.0)
    assert (evaluator.skeleton, evaluator.layout, evaluator.fps) == ("humanml3d", "humanml3d", 30.0)
    assert evaluator.skeleton_digest == evaluator.facts.skeleton.digest
    assert replace(evaluator.facts, fps=20.0) != evaluator.facts

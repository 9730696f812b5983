"""The small encoder's transformer against T5's encoder of `transformers`, weight by weight."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel

from scalemogen.text.stack import TextStack, distance_buckets

VOCABULARY, WIDTH, LAYERS, HEADS, HIDDEN = 37, 22, 3, 2, 46


def pair(dropout: float = 0.0) -> tuple[TextStack, nn.Module]:
    """Return ours, and theirs with our weights; the names must be the same."""
    ours = TextStack(VOCABULARY, width=WIDTH, layers=LAYERS, heads=HEADS, hidden=HIDDEN, dropout=dropout)
    settings = T5Config(
        vocab_size=VOCABULARY,
        d_model=WIDTH,
        d_kv=WIDTH // HEADS,
        d_ff=HIDDEN,
        num_layers=LAYERS,
        num_heads=HEADS,
        dropout_rate=dropout,
        feed_forward_proj="gated-gelu",
        is_encoder_decoder=False,
        use_cache=False,
    )
    theirs = T5EncoderModel(settings).encoder
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def words(*lengths: int, size: int) -> tuple[Tensor, Tensor]:
    mask = torch.arange(size) < torch.tensor(lengths)[:, None]
    return torch.randint(VOCABULARY, mask.shape) * mask, mask


def test_features_and_gradients_are_those_of_t5() -> None:
    ours, theirs = pair()
    ids, mask = words(149, 3, 71, size=149)  # beyond the farthest distance that has a class of its own
    mine = ours(ids, mask)
    other = theirs(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(mine[mask], other[mask], rtol=1e-4, atol=1e-5)
    weight = torch.randn(WIDTH)
    for features in (mine, other):
        (features[mask] * weight).sum().backward()
    gradients = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        expected = gradients[name].grad
        assert expected is not None
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_padding_changes_no_word() -> None:
    ours, _ = pair()
    ids, mask = words(5, size=5)
    padded, longer = nn.functional.pad(ids, (0, 6), value=1), nn.functional.pad(mask, (0, 6))
    torch.testing.assert_close(ours(padded, longer)[:, :5], ours(ids, mask))


def test_weights_are_spread_as_t5_s() -> None:
    settings = {"width": 256, "layers": 2, "heads": 4, "hidden": 512, "dropout": 0.0}
    ours = TextStack(1000, **settings)  # type: ignore[arg-type]
    theirs = T5EncoderModel(
        T5Config(
            vocab_size=1000,
            d_model=256,
            d_kv=64,
            d_ff=512,
            num_layers=2,
            num_heads=4,
            feed_forward_proj="gated-gelu",
            is_encoder_decoder=False,
            use_cache=False,
        )
    ).encoder
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        if parameter.ndim > 1:
            share = 0.3 if "relative" in name else 0.05  # few numbers
            spreads = float(parameter.detach().std()), float(expected[name].detach().std())
            assert spreads[0] == pytest.approx(spreads[1], rel=share), name


def test_dropout_acts_in_training_only() -> None:
    ours, _ = pair(dropout=0.3)
    ids, mask = words(7, 4, size=7)
    assert not torch.equal(ours(ids, mask), ours(ids, mask))
    ours.eval()
    assert torch.equal(ours(ids, mask), ours(ids, mask))


def test_classes_of_distances() -> None:
    """By hand: 0 to 7 words to the left are exact, 16 more for words to the right, one class from 128 words on."""
    found = distance_buckets(200)
    assert found[10, :18].tolist() == [8, 8, 8, 7, 6, 5, 4, 3, 2, 1, 0, 17, 18, 19, 20, 21, 22, 23]
    assert found[0, 18:20].tolist() == [26, 26]
    assert set(found[199, :72].tolist()) == {15}
    assert int(found[0, 199]) == 31

"""Scale-weighted cross entropy and bitwise self-correction."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from helpers.toy_ar import toy_quantised, toy_spec
from scalemogen.ar import draw_flips, draw_text_dropout, scale_weighted_cross_entropy, scale_weights
from scalemogen.contracts import Scale, TokenMaps, TokenSpec
from scalemogen.errors import UserError
from scalemogen.scales import Pyramid


def logits_of(maps: TokenMaps, seed: int = 0) -> Tensor:
    tokens = sum(bits.shape[1] * bits.shape[2] for bits in maps.bits)
    shape = (maps.bits[0].shape[0], tokens, maps.bits[0].shape[3], 2)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_by_hand() -> None:
    """Two scales of 1 and 4 tokens; one motion fills the grid, the other has half of it."""
    spec = TokenSpec(4, (Scale(4, ((0,),)), Scale(1, ((0,),))), 4, 1, 1, "toy", "0", "toy")
    assert scale_weights(spec).tolist() == [2.0, 1.0]
    bits = (torch.ones(2, 1, 1, 4) > 0, torch.zeros(2, 4, 1, 4) > 0)
    valid = Pyramid(spec).valid(torch.tensor([4, 2]))
    logits = torch.zeros(2, 5, 4, 2)
    logits[:, 0, :, 1] = 3.0
    wrong = math.log1p(math.exp(3.0))  # the label of bit 1 is 0 in scale 1
    logits[:, 1, :, 1] = 3.0
    first, other = math.log1p(math.exp(-3.0)), math.log(2.0)
    long = (2 * first + wrong + 3 * other) / (2 + 4)
    short = (2 * first + wrong + other) / (2 + 2)
    result = scale_weighted_cross_entropy(logits, TokenMaps(bits, valid), spec)
    assert float(result.loss) == pytest.approx((long + short) / 2, rel=1e-6)
    assert result.cross_entropy.tolist() == pytest.approx(
        [first, ((wrong + 3 * other) / 4 + (wrong + other) / 2) / 2], rel=1e-6
    )
    assert result.accuracy.tolist() == pytest.approx([1.0, (3 / 4 + 1 / 2) / 2])
    reference = scale_weighted_cross_entropy(logits, TokenMaps(bits, valid), spec, reference=True)
    assert float(reference.loss) == pytest.approx((long + short * 4 / 6) / 2, rel=1e-6)


@pytest.mark.parametrize("reference", [False, True])
def test_cropping_changes_nothing(reference: bool) -> None:
    spec = toy_spec()
    lengths = torch.tensor([17, 8, 4])
    pyramid = Pyramid(spec)
    full = toy_quantised(spec, lengths, cells=13).maps
    logits = logits_of(full)
    whole = scale_weighted_cross_entropy(logits, full, spec, reference)
    small = toy_quantised(spec, lengths).maps
    cropped = pyramid.flatten([x[:, : b.shape[1]] for x, b in zip(_split(logits, full), small.bits, strict=True)])
    part = scale_weighted_cross_entropy(cropped.unflatten(-1, (-1, 2)), small, spec, reference)
    assert float(part.loss) == pytest.approx(float(whole.loss), rel=1e-6)
    assert torch.allclose(part.cross_entropy, whole.cross_entropy)
    assert torch.allclose(part.accuracy, whole.accuracy)


def _split(logits: Tensor, maps: TokenMaps) -> list[Tensor]:
    pieces = logits.flatten(2).split([b.shape[1] * b.shape[2] for b in maps.bits], 1)
    return [piece.unflatten(1, b.shape[1:3]) for piece, b in zip(pieces, maps.bits, strict=True)]


def test_mean_over_motions() -> None:
    """The loss of a batch is the mean of its motions' own losses, and only tokens inside a motion have a gradient."""
    spec = toy_spec()
    maps = toy_quantised(spec).maps
    logits = logits_of(maps).requires_grad_()
    joined = scale_weighted_cross_entropy(logits, maps, spec).loss
    alone = [scale_weighted_cross_entropy(logits[i : i + 1], maps[i : i + 1], spec).loss for i in range(3)]
    assert torch.allclose(joined, torch.stack(alone).mean())
    (gradient,) = torch.autograd.grad(joined, logits)
    inside = Pyramid(spec).token_mask(maps.valid)
    assert ((gradient.abs().sum((2, 3)) > 0) == inside).all()


def test_flip_rates_are_one_per_sample_and_scale() -> None:
    """Known defect: the reference draws one rate per scale for a whole batch."""
    sizes, strength = [(31, 7), (61, 7)], 0.3
    shares = {}
    for shared in (False, True):
        generator = torch.Generator().manual_seed(1)
        flips = draw_flips(37, sizes, 29, strength=strength, generator=generator, shared_rate=shared)
        assert [tuple(flip.shape) for flip in flips] == [(37, 31, 7, 29), (37, 61, 7, 29)]
        shares[shared] = torch.stack([flip.float().mean((1, 2, 3)) for flip in flips])
    spread = {shared: share.std(1).max() for shared, share in shares.items()}
    assert spread[True] < 0.01 < 0.05 < spread[False]
    assert shares[False].max() < strength + 0.02
    assert float(shares[False].mean()) == pytest.approx(strength / 2, abs=0.03)
    assert abs(float(torch.corrcoef(shares[False])[0, 1])) < 0.4, "scales draw their own rates"


def test_flips_are_the_generators_alone() -> None:
    sizes = Pyramid(toy_spec()).sizes(5)
    draws = [draw_flips(3, sizes, 7, strength=0.3, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert all(torch.equal(a, b) for a, b in zip(draws[0], draws[1], strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(draws[0], draws[2], strict=True))
    none = draw_flips(3, sizes, 7, strength=0.0, generator=torch.Generator().manual_seed(1))
    assert not any(flip.any() for flip in none)
    with pytest.raises(UserError, match=r"strength is 1.5; it must lie in 0..1"):
        draw_flips(3, sizes, 7, strength=1.5, generator=torch.Generator())


def test_flips_corrupt_the_context_and_later_labels_correct_it() -> None:
    """A flipped scale keeps its honest label, the next input holds the flip, and later labels reduce the damage."""
    spec, lengths = toy_spec(), torch.tensor([17, 39, 11])
    pyramid = Pyramid(spec)
    z = 0.3 * torch.randn(3, 13, 5, 7, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(2)
    flips = list(draw_flips(3, pyramid.sizes(13), 7, strength=0.3, generator=generator))
    flips[2], flips[3] = torch.zeros_like(flips[2]), torch.zeros_like(flips[3])
    plain = pyramid.quantise(z, lengths, inputs=True)
    noisy = pyramid.quantise(z, lengths, flips=flips, inputs=True)
    assert torch.equal(plain.maps.bits[0], noisy.maps.bits[0])
    assert plain.inputs is not None
    assert noisy.inputs is not None
    changed = (plain.inputs[:, :2] != noisy.inputs[:, :2]).any(1)
    flipped = flips[0][:, 0, 0]
    assert torch.equal(changed, flipped), "the input of scale 1 shows exactly the flipped bits of scale 0"
    blind = noisy.sums[1] + (plain.sums[3] - plain.sums[1])
    inside = pyramid.latent_mask(lengths, 13)[:, :, None, None]
    assert ((noisy.sums[3] - z) * inside).norm() < ((blind - z) * inside).norm()


def test_text_dropout_rate() -> None:
    dropped = draw_text_dropout(9973, 0.1, torch.Generator().manual_seed(0))
    assert dropped.shape == (9973,)
    assert float(dropped.float().mean()) == pytest.approx(0.1, abs=0.01)
    assert not draw_text_dropout(97, 0.0, torch.Generator().manual_seed(0)).any()

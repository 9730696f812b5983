from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scalemogen.bsq import (
    binary_entropy,
    bits_to_codes,
    bits_to_indices,
    entropy_terms,
    indices_to_bits,
    normalise,
    quantise,
    soft_bits,
)


def test_codes_by_hand() -> None:
    codes = bits_to_codes(torch.tensor([[True, False, False, True]]))
    assert codes.tolist() == [[0.5, -0.5, -0.5, 0.5]]


def test_codes_lie_on_the_unit_sphere_and_are_the_nearest_ones() -> None:
    a = torch.randn(7, 3, 5)
    codes, bits = quantise(a)
    torch.testing.assert_close(codes.norm(dim=-1), torch.ones(7, 3))
    every = bits_to_codes(indices_to_bits(torch.arange(2**5), 5))
    nearest = torch.cdist(normalise(a).reshape(-1, 5), every).argmin(1)
    assert torch.equal(bits_to_indices(bits).reshape(-1), nearest)


def test_a_zero_channel_is_bit_zero() -> None:
    assert not quantise(torch.zeros(2, 4))[1].any()


@given(st.integers(4, 63), st.data())
def test_indices_round_trip(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, 2**size - 1))
    bits = indices_to_bits(torch.tensor([index]), size)
    assert bits_to_indices(bits).item() == index
    assert bits[0].tolist() == [bool(index >> position & 1) for position in range(size)]


def test_sixty_four_bits_have_codes_but_no_index() -> None:
    bits = torch.rand(3, 64) > 0.5
    assert bits_to_codes(bits).shape == (3, 64)
    with pytest.raises(ValueError, match="64 bits do not fit"):
        bits_to_indices(bits)


def test_gradient_passes_straight_through_to_the_direction() -> None:
    a = torch.randn(3, 5, requires_grad=True)
    weight = torch.randn(3, 5)
    (quantise(a)[0] * weight).sum().backward()
    through = a.detach().clone().requires_grad_()
    (normalise(through) * weight).sum().backward()
    torch.testing.assert_close(a.grad, through.grad)


def test_binary_entropy_by_hand() -> None:
    logits = torch.tensor([0.0, math.log(3.0), 200.0, -200.0])
    expected = [math.log(2), -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)), 0.0, 0.0]
    torch.testing.assert_close(binary_entropy(logits), torch.tensor(expected))


def test_entropy_terms_by_hand_and_padding_does_not_count() -> None:
    logits = torch.tensor([[[50.0, 0.0], [-50.0, 0.0], [7.0, 7.0]]])
    sure, even = entropy_terms(logits, torch.tensor([[True, True, False]]))
    assert sure.item() == pytest.approx(math.log(2), rel=1e-5)  # only the undecided second bit
    assert even.item() == pytest.approx(2 * math.log(2), rel=1e-5)  # both bits are used evenly


def test_soft_bits_scale() -> None:
    direction = torch.tensor([[0.5, -0.5, 0.5, -0.5]])
    torch.testing.assert_close(soft_bits(direction, 100.0), direction * 200.0)

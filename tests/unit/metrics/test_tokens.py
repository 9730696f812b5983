"""Dependence of bits against the formula as loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from scalemogen.contracts import TokenMaps
from scalemogen.metrics import BitDependence, BitUsage
from scalemogen.metrics.functional import mutual_information


def looped(first: Tensor, second: Tensor) -> float:
    """Return the mutual information in bits of two columns of bits."""
    total = 0.0
    for a in (False, True):
        for b in (False, True):
            joint = ((first == a) & (second == b)).double().mean().item()
            if joint > 0:
                total += joint * math.log2(
                    joint / ((first == a).double().mean() * (second == b).double().mean()).item()
                )
    return total


def counted(tokens: Tensor) -> Tensor:
    """Return the dependence of tokens (L, D) of bits."""
    ones = tokens.double()
    return mutual_information(ones.T @ ones, torch.tensor(len(tokens)))


def make_maps(seed: int = 0) -> TokenMaps:
    """Return maps (B, N_k, G_k, D) = (2, 3, 2, 5) and (2, 7, 3, 5), with ones outside the motions too."""
    generator = torch.Generator().manual_seed(seed)
    sizes = ((3, 2), (7, 3))
    bits = tuple(
        torch.rand(2, n, g, 5, generator=generator) < torch.tensor([0.1, 0.3, 0.5, 0.7, 1.0]) for n, g in sizes
    )
    valid = tuple(torch.arange(n) < torch.tensor([[n], [n - 2]]) for n, _ in sizes)
    return TokenMaps(bits, valid)


def test_information_equals_the_formula() -> None:
    tokens = torch.rand(23, 6) < torch.linspace(0, 1, 6)
    tokens[:, 3] ^= tokens[:, 2]
    expected = torch.tensor([[looped(a, b) for b in tokens.T] for a in tokens.T], dtype=torch.float64)
    torch.testing.assert_close(counted(tokens), expected, rtol=1e-10, atol=1e-12)


def test_copies_opposites_and_free_bits_by_hand() -> None:
    first = torch.tensor([False, False, True, True])
    second = torch.tensor([False, True, False, True])
    found = counted(torch.stack([first, second, ~first, torch.ones(4, dtype=torch.bool)], dim=1))
    expected = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]], dtype=torch.float64)
    torch.testing.assert_close(found, expected)


def test_independent_bits_are_overestimated_as_stated() -> None:
    tokens = torch.rand(1000, 50, 2) < 0.5
    values = torch.stack([counted(part)[0, 1] for part in tokens])
    assert values.mean().item() == pytest.approx(0.72 / 50, rel=0.15)


def test_the_class_counts_tokens_inside_the_motions() -> None:
    maps = make_maps()
    metric = BitDependence(scales=2, bits=5)
    for row in range(2):
        metric.update(maps[row : row + 1])
    found = metric.compute()
    for k, (bits, valid) in enumerate(zip(maps.bits, maps.valid, strict=True)):
        expected = counted(bits[valid].reshape(-1, 5))
        torch.testing.assert_close(found.pairs[k], expected)
        between = [expected[i, j] for i in range(5) for j in range(i + 1, 5)]
        assert found.mean[k].item() == pytest.approx(sum(between).item() / 10)
    usage = BitUsage(scales=2, bits=5)
    usage.update(maps)
    torch.testing.assert_close(found.pairs.diagonal(dim1=1, dim2=2).mean(1), usage.compute().entropy)


def test_one_scale_one_bit_and_no_tokens_keep_their_axes() -> None:
    maps = TokenMaps((torch.ones(1, 2, 1, 1, dtype=torch.bool),), (torch.zeros(1, 2, dtype=torch.bool),))
    metric, usage = BitDependence(scales=1, bits=1), BitUsage(scales=1, bits=1)
    metric.update(maps)
    usage.update(maps)
    assert usage.compute().entropy.tolist() == [0.0]
    assert metric.compute().mean.tolist() == [0.0]
    assert metric.compute().pairs.tolist() == [[[0.0]]]

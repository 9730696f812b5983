"""Layers on rows against the same arithmetic on one motion at a time, written out plainly."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from scalemogen.tokenizer.layers import ResidualBlock, SkeletalPool, SkeletalTemporalConv, SkeletalUnpool
from scalemogen.tokenizer.rows import Rows

CELLS = [3, 1, 5, 2]
ADJACENCY = [[1, 1, 0], [1, 1, 1], [0, 1, 1]]
WIDTH = 7


def motions(level: int, joints: int, channels: int = WIDTH) -> list[Tensor]:
    """Return a random motion (J, times, C) for each of CELLS at a level."""
    generator = torch.Generator().manual_seed(level)
    return [
        torch.randn(joints, cells * 2**level, channels, generator=generator, dtype=torch.float64) for cells in CELLS
    ]


def joined(parts: list[Tensor], rows: Rows, level: int) -> Tensor:
    """Return (J, R, C): the motions one behind another."""
    longest = max(part.shape[1] for part in parts)
    padded = torch.stack([functional.pad(part, (0, 0, 0, longest - part.shape[1])) for part in parts])
    return rows.pack(padded.transpose(1, 2), level).transpose(0, 1)


def apart(x: Tensor, rows: Rows, level: int) -> list[Tensor]:
    """Return the motions (J, times, C) of (J, R, C)."""
    at = rows.levels[level]
    return [x[:, at.rows[at.clips == motion]] for motion in range(len(CELLS))]


def plain_conv(conv: SkeletalTemporalConv, x: Tensor) -> Tensor:
    """One motion (J, T, C): zeros beyond both ends, four taps one by one."""
    hidden = functional.gelu(x)
    around = functional.pad(hidden, (0, 0, 1, 1))
    mixed = torch.einsum("ij, jtc -> itc", conv.neighbours, hidden)
    taps = (around[:, :-2], hidden, around[:, 2:], mixed)
    return sum((tap @ weight for tap, weight in zip(taps, conv.weight, strict=True)), conv.bias)


def test_convolution_equals_the_plain_one_and_so_do_its_gradients() -> None:
    rows, parts = Rows(CELLS, 1), motions(1, 3)
    block = ResidualBlock(WIDTH, ADJACENCY, dropout=0.0).double()
    x = joined(parts, rows, 1).requires_grad_()
    out = block(x, rows.levels[1].gaps)
    assert not out[:, rows.levels[1].gaps].any()
    weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    weight[:, rows.levels[1].gaps] = 0.0  # as whatever reads the motions alone leaves it
    (out * weight).sum().backward()
    mine = {name: parameter.grad.clone() for name, parameter in block.named_parameters() if parameter.grad is not None}
    block.zero_grad()
    alone = [part.clone().requires_grad_() for part in parts]
    plain = [part + plain_conv(block.second, plain_conv(block.first, part)) for part in alone]
    for ours, theirs in zip(apart(out, rows, 1), plain, strict=True):
        torch.testing.assert_close(ours, theirs)
    sum((y * w).sum() for y, w in zip(plain, apart(weight, rows, 1), strict=True)).backward()
    assert set(mine) == {name for name, _ in block.named_parameters()}
    for name, parameter in block.named_parameters():
        torch.testing.assert_close(mine[name], parameter.grad, msg=name)
    assert x.grad is not None
    for ours, part in zip(apart(x.grad, rows, 1), alone, strict=True):
        torch.testing.assert_close(ours, part.grad)


def test_convolution_passes_gradcheck() -> None:
    rows = Rows([1, 2], 0)
    conv = SkeletalTemporalConv(2, ADJACENCY).double()
    gaps = rows.levels[0].gaps
    inside = torch.ones(rows.levels[0].size, dtype=torch.bool).index_fill(0, gaps, False)

    def inner(x: Tensor) -> Tensor:
        return conv(x * inside[:, None], gaps)[:, inside]

    x = torch.randn(3, rows.levels[0].size, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(inner, (x,))


def test_convolution_by_hand() -> None:
    conv = SkeletalTemporalConv(1, [[1, 1], [1, 1]])
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([1.0, 10.0, 100.0, 1000.0])[:, None, None])
        conv.bias.fill_(0.5)
    rows = Rows([3, 1], 0)
    x = torch.zeros(2, rows.levels[0].size, 1)
    x[0, 1:4, 0], x[1, 1:4, 0] = torch.tensor([11.0, 13.0, 15.0]), torch.tensor([12.0, 14.0, 16.0])  # gelu(x) = x here
    x[:, 5] = 99.0  # the next motion, which the first must not see
    out = conv(x, rows.levels[0].gaps)[0, :, 0]
    assert out[1].item() == pytest.approx(10.0 * 11 + 100.0 * 13 + 1000.0 * (11 + 12) / 2 + 0.5, rel=1e-5)
    assert out[2].item() == pytest.approx(1.0 * 11 + 10.0 * 13 + 100.0 * 15 + 1000.0 * (13 + 14) / 2 + 0.5, rel=1e-5)
    assert out[3].item() == pytest.approx(1.0 * 13 + 10.0 * 15 + 1000.0 * (15 + 16) / 2 + 0.5, rel=1e-5)


def test_pooling_starts_as_a_mean_and_unpooling_as_a_copy() -> None:
    rows = Rows([1, 2], 1)
    fine = torch.zeros(3, rows.levels[1].size, 1)
    fine[:, 1:3, 0] = torch.tensor([[1.0, 3.0], [3.0, 5.0], [5.0, 7.0]])
    fine[:, 4:8, 0] = 50.0
    coarse = SkeletalPool(((0, 1), (1, 2)), 3)(fine, rows, 1)[:, :, 0]
    torch.testing.assert_close(coarse[:, 1], torch.tensor([3.0, 5.0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(coarse[:, 3:5], torch.full((2, 2), 50.0), atol=1e-3, rtol=0)
    assert not coarse[:, [0, 2, 5]].any()
    nodes = torch.zeros(2, rows.levels[0].size, 1)
    nodes[:, 1, 0] = 77.0
    nodes[:, 3:5, 0] = torch.tensor([[0.0, 4.0], [0.0, 8.0]])
    spread = SkeletalUnpool(((0, 1), (1, 2)), 3)(nodes, rows, 0)[:, :, 0]
    torch.testing.assert_close(spread[0, 4:8], torch.tensor([0.0, 1.0, 3.0, 4.0]))
    torch.testing.assert_close(spread[1, 4:8], torch.tensor([0.0, 1.5, 4.5, 6.0]))
    torch.testing.assert_close(spread[:, 1:3], torch.full((3, 2), 77.0))  # beyond the ends the ends are repeated
    assert not spread[:, [0, 3, 8]].any()


def test_packing_and_unpacking() -> None:
    rows = Rows([2, 1], 1)
    assert [level.size for level in rows.levels] == [6, 9]
    x = torch.arange(1.0, 11.0).reshape(2, 5, 1)  # five frames given, four and two belong to the motions
    packed = rows.pack(x, 1)[:, 0]
    assert packed.tolist() == [0, 1, 2, 3, 4, 0, 6, 7, 0]
    assert rows.unpack(packed[:, None], 1, 5)[..., 0].tolist() == [[1, 2, 3, 4, 0], [6, 7, 0, 0, 0]]

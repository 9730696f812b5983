"""Counting: bytes of storages that live, operators, operations; on real tensors and on pretended ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from scalemogen.cost import LiveMemory, footprint
from scalemogen.cost.pretend import Pretence

ROWS, WIDTH, HEADS = 7, 12, 3


def real(*size: int) -> Tensor:
    return torch.randn(size)


keep: list[Tensor] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    keep.clear()


def test_bytes_live_and_die_with_their_storage() -> None:
    memory = LiveMemory()
    held = torch.zeros(5)
    assert memory.watch([held, held[2:]]) == 5 * 4  # a view has no bytes of its own

    def run() -> None:
        a = torch.ones(1000)  # 4000 bytes
        b = a.view(10, 100)
        c = b + 1  # 8000 bytes
        del a, b  # 4000 bytes
        _ = c.double()  # 12000 bytes, after which nothing is left

    found = footprint(memory, run)
    assert found.peak == 20 + 12000
    assert memory.live == 20
    assert found.calls == 4  # fill, view, add, cast
    assert found.flops == 0


def test_each_phase_has_its_own_peak() -> None:
    memory = LiveMemory()

    def run() -> None:
        keep.append(torch.zeros(100))  # 400 bytes
        _ = torch.zeros(200)  # 800 bytes more, and gone
        memory.end_phase()
        _ = torch.zeros(50)  # in place of it, 200 bytes

    found = footprint(memory, run)
    assert found.peaks == (1200, 1400)  # the name still holds the 800 when the 200 come
    assert found.peak == 1400


def test_a_multiply_add_is_two_operations() -> None:
    found = footprint(LiveMemory(), lambda: keep.append(torch.ones(3, 5) @ torch.ones(5, 7)))
    assert found.flops == 2 * 3 * 5 * 7


def test_attention_of_a_cpu_is_counted() -> None:
    """torch's own counter says 0, which would leave out a fifth of the ar stage."""
    q, k, v = (torch.randn(2, HEADS, rows, 8, requires_grad=True) for rows in (5, 11, 11))
    product = 2 * 2 * HEADS * 5 * 11 * 8
    forward = footprint(LiveMemory(), lambda: keep.append(functional.scaled_dot_product_attention(q, k, v)))
    assert forward.flops == 2 * product
    backward = footprint(LiveMemory(), lambda: keep[0].sum().backward())
    assert backward.flops == 5 * product  # scores once more, and two for each of the two products


class Doubling(torch.autograd.Function):
    """An operator with a backward pass of its own, as hot paths have them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad * 2


def packed(x: Tensor, layer: nn.Module, lengths: Tensor) -> Tensor:
    """Rows of a padded batch by a mask, as a packed batch has them."""
    inside = torch.arange(x.shape[1]) < lengths[:, None]
    return layer(x[inside])


def by_index(x: Tensor, layer: nn.Module, lengths: Tensor) -> Tensor:
    rows = (torch.arange(x.shape[1]) < lengths[:, None]).flatten().nonzero().squeeze(1)
    flat = layer(x.flatten(0, 1).index_select(0, rows))
    back = x.new_zeros(x.shape[0] * x.shape[1], WIDTH).index_copy(0, rows, flat)
    return back[: int(lengths.max())]


def recomputed(x: Tensor, layer: nn.Module, lengths: Tensor) -> Tensor:
    result = checkpoint(lambda y: functional.gelu(layer(y)), x, use_reentrant=False)
    assert isinstance(result, Tensor)
    return result


def doubled(x: Tensor, layer: nn.Module, lengths: Tensor) -> Tensor:
    result = Doubling.apply(layer(x))
    assert isinstance(result, Tensor)
    return result


def split(x: Tensor, layer: nn.Module, lengths: Tensor) -> Tensor:
    """Each motion alone, as long as it is."""
    parts = [layer(row[:length]) for row, length in zip(x, lengths.tolist(), strict=True)]
    return torch.cat(parts)


@pytest.mark.parametrize("code", [packed, by_index, recomputed, doubled, split])
def test_pretended_tensors_cost_what_real_ones_do(code: Callable[[Tensor, nn.Module, Tensor], Tensor]) -> None:
    """What the hot paths may do to a batch: masks, indices, chunks, recomputation, backward passes of their own."""
    lengths = torch.tensor([5, 7, 2])
    found = []
    for pretence in (None, Pretence()):
        if pretence is None:
            layer, make = nn.Linear(WIDTH, WIDTH), real
        else:
            make = pretence.empty
            with pretence.building():
                layer = nn.Linear(WIDTH, WIDTH)
        memory = LiveMemory()
        memory.watch(layer.parameters())
        x = make(3, ROWS, WIDTH)
        found.append(footprint(memory, lambda x=x, layer=layer: code(x, layer, lengths).sum().backward()))  # type: ignore[misc]
    assert found[0].flops == found[1].flops > 0
    assert found[1].peak == pytest.approx(found[0].peak, rel=0.1)


def test_pretended_weights_take_no_memory_and_keep_their_buffers() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.big = nn.Linear(1 << 16, 1 << 16)  # 17 GB
            self.start = nn.Parameter(nn.init.trunc_normal_(torch.empty(5, 5)))
            nn.init.trunc_normal_(self.start)  # asks whether what it drew fits
            self.register_buffer("table", torch.arange(3.0))

    with Pretence().building():
        net = Net()
    assert isinstance(net.big.weight, nn.Parameter)
    assert sum(p.numel() for p in net.parameters()) == (1 << 32) + (1 << 16) + 25
    assert net.get_buffer("table").tolist() == [0.0, 1.0, 2.0]
    assert type(nn.Linear(2, 2).weight) is nn.Parameter  # and outside, everything is as ever

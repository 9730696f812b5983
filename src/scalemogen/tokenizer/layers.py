"""Skeletal-temporal layers: tensors are (J, R, C), joints, rows and channels.

The rows hold motions of any lengths one behind another with a row of zeros between them (`Rows`), so that a layer that
looks at neighbouring frames sees zeros outside a motion, and nothing outside the motions is computed. Every layer here
keeps the rows between motions at zero. With the joints in front, what mixes joints, or has weights for each joint, is
one matrix product, and a shift in time is a view.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from scalemogen.repeated import Repeated
from scalemogen.tokenizer.rows import Rows

EPSILON = 1e-6


def _autocast(x: Tensor) -> Tensor:
    """Cast to autocast's type already here: activations are moved about before they reach a matrix product."""
    device = x.device.type
    return x.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else x


def mix_joints(matrix: Tensor, x: Tensor) -> Tensor:
    """Return (nodes, R, C), node by node the sum of the joints (J, R, C) weighted by `matrix` (nodes, J)."""
    return torch.mm(matrix.to(x.dtype), x.flatten(1)).view(len(matrix), *x.shape[1:])


def wide_linear(layer: nn.Linear | JointLinear, x: Tensor) -> Tensor:
    """Return layer(x) computed in float32 at least, whatever the type of its weights."""
    wide = torch.promote_types(x.dtype, torch.float32)
    weight, bias = layer.weight.to(wide), layer.bias.to(wide)
    if isinstance(layer, JointLinear):
        return torch.baddbmm(bias[:, None], x.to(wide), weight)
    return functional.linear(x.to(wide), weight, bias)


class JointLinear(nn.Module):
    """A linear map of its own for every joint: (J, R, inputs) to (J, R, outputs).

    Weights are (J, inputs, outputs). `fan_in` gives each joint's true number of inputs for the initial range, where
    joints with fewer channels are padded with zeros.
    """

    def __init__(self, fan_in: Sequence[int], inputs: int, outputs: int) -> None:
        super().__init__()
        bound = torch.tensor([1.0 / math.sqrt(n) for n in fan_in])[:, None, None]
        self.weight = nn.Parameter((torch.rand(len(fan_in), inputs, outputs) * 2 - 1) * bound)
        self.bias = nn.Parameter((torch.rand(len(fan_in), outputs) * 2 - 1) * bound[:, 0])

    def forward(self, x: Tensor) -> Tensor:
        """Map (J, R, inputs) to (J, R, outputs); rows between motions become the bias."""
        return torch.baddbmm(self.bias[:, None], x, self.weight)


class _GeluConv(torch.autograd.Function):
    """conv(gelu(x)) of `SkeletalTemporalConv`, whose backward pass keeps `x` alone.

    The four taps are four matrix products on shifted views of one tensor, added up in place: plain autograd would copy
    the input once a tap, and once more for every gradient. Rows between motions are zero in `x`, in the result and in
    the gradient with respect to `x`; their gradient must be zero when it comes, as that of a constant is.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, neighbours: Tensor, gaps: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight, neighbours, gaps)
        with torch.autocast(x.device.type, enabled=False):
            hidden = functional.gelu(x)
            flat, mixed = hidden.flatten(0, 1), mix_joints(neighbours, hidden).flatten(0, 1)
            y = torch.empty_like(x)
            inner = y.flatten(0, 1)[1:-1]
            torch.addmm(bias, flat[:-2], weight[0], out=inner)
            for tap, part in ((1, flat[1:-1]), (2, flat[2:]), (3, mixed[1:-1])):
                torch.addmm(inner, part, weight[tap], out=inner)
            return y.index_fill_(1, gaps, 0.0)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, neighbours, gaps = ctx.saved_tensors
        grad = grads[0].contiguous()
        with torch.autocast(x.device.type, enabled=False):
            flat, mixed = grad.flatten(0, 1), mix_joints(neighbours.T, grad).flatten(0, 1)
            hidden = functional.gelu(x).flatten(0, 1)
            inner = flat[1:-1]
            of_weight = torch.empty_like(weight)
            for tap, part in ((0, hidden[:-2]), (1, hidden[1:-1]), (2, hidden[2:])):
                torch.mm(part.T, inner, out=of_weight[tap])
            torch.mm(hidden.T, mixed, out=of_weight[3])
            of_hidden = torch.zeros_like(x)
            target = of_hidden.flatten(0, 1)[1:-1]
            torch.mm(flat[2:], weight[0].T, out=target)
            for tap, part in ((1, inner), (2, flat[:-2]), (3, mixed[1:-1])):
                torch.addmm(target, part, weight[tap].T, out=target)
            of_x = torch.ops.aten.gelu_backward(of_hidden, x).index_fill_(1, gaps, 0.0)
        return of_x, of_weight, inner.sum(0), None, None


class SkeletalTemporalConv(nn.Module):
    """Exact GELU, then graph convolution over bone neighbours plus temporal convolution of size 3 (paper_facts 3).

    With h = gelu(x):
    y_j(t) = W_- h_j(t-1) + W_0 h_j(t) + W_+ h_j(t+1) + W_n mean over the neighbours i of j of h_i(t) + b

    where the mean includes j itself and divides by (degree + 1e-6). Differs from the reference in the parametrisation
    only: there, W_0 is the sum of two matrices and b the sum of three vectors.

    Args:
        width: C.
        adjacency: (J, J) of 0 and 1, ones on the diagonal.
    """

    neighbours: Tensor

    def __init__(self, width: int, adjacency: Sequence[Sequence[int]]) -> None:
        super().__init__()
        matrix = torch.tensor(adjacency, dtype=torch.float32)
        self.register_buffer("neighbours", matrix / (matrix.sum(1, keepdim=True) + EPSILON), persistent=False)
        temporal, own = 1.0 / math.sqrt(3 * width), 1.0 / math.sqrt(width)
        bound = torch.tensor([temporal, math.hypot(temporal, own), temporal, own])[:, None, None]
        self.weight = nn.Parameter((torch.rand(4, width, width) * 2 - 1) * bound)  # (before, now, after, neighbours)
        self.bias = nn.Parameter((torch.rand(width) * 2 - 1) * math.hypot(temporal, own * math.sqrt(2)))

    def forward(self, x: Tensor, gaps: Tensor) -> Tensor:
        """Map (J, R, C), zero in the rows `gaps`, to (J, R, C), zero there too."""
        x = _autocast(x).contiguous()
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        y: Tensor = _GeluConv.apply(x, weight, bias, self.neighbours, gaps)  # type: ignore[no-untyped-call]
        return y


class ResidualBlock(Repeated):
    """x + dropout(conv(gelu(conv(gelu(x))))), without normalisation."""

    def __init__(self, width: int, adjacency: Sequence[Sequence[int]], dropout: float) -> None:
        super().__init__()
        self.first = SkeletalTemporalConv(width, adjacency)
        self.second = SkeletalTemporalConv(width, adjacency)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, gaps: Tensor) -> Tensor:
        """Map (J, R, C) to the same shape; `gaps` are the rows between motions."""
        result: Tensor = x + self.dropout(self.second(self.first(x, gaps), gaps))
        return result


class SkeletalPool(nn.Module):
    """Merge neighbouring joints with learned softmax weights, then average pairs of frames.

    The weight of joint j in group g is exp(w_gj) / (sum + 1e-6), computed relative to max(0, row maximum).

    Args:
        groups: member joints of every coarser node; groups may share joints.
        joints: J of the finer level.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, groups: Sequence[Sequence[int]], joints: int) -> None:
        super().__init__()
        pairs = [(row, joint) for row, group in enumerate(groups) for joint in sorted(group)]
        self.shape = (len(groups), joints)
        self.register_buffer("rows", torch.tensor([row for row, _ in pairs]), persistent=False)
        self.register_buffer("columns", torch.tensor([joint for _, joint in pairs]), persistent=False)
        self.weight = nn.Parameter(torch.zeros(len(pairs)))

    def matrix(self) -> Tensor:
        """Return the pooling weights (nodes, J)."""
        index = (self.rows, self.columns)
        dense = self.weight.new_zeros(self.shape).index_put(index, self.weight)
        top = dense.amax(1, keepdim=True).expand_as(dense)[index]
        exponent = self.weight.new_zeros(self.shape).index_put(index, (self.weight - top).exp())
        return exponent / (exponent.sum(1, keepdim=True) + EPSILON)

    def forward(self, x: Tensor, rows: Rows, level: int) -> Tensor:
        """Map (J, R, C) of a level of rows to (nodes, R', C) of the next coarser one."""
        return rows.halve(mix_joints(self.matrix(), x), level)


class SkeletalUnpool(nn.Module):
    """Spread coarser nodes over joints with learned non-negative weights, then interpolate time by 2.

    See `Rows.double` for the latter.

    Args:
        groups: member joints of every coarser node (the initial weights).
        joints: J of the finer level.
    """

    def __init__(self, groups: Sequence[Sequence[int]], joints: int) -> None:
        super().__init__()
        weight = torch.zeros(joints, len(groups))
        for node, group in enumerate(groups):
            weight[list(group), node] = 1.0
        self.weight = nn.Parameter(weight / weight.sum(1, keepdim=True).clamp(min=1.0))

    def forward(self, x: Tensor, rows: Rows, level: int) -> Tensor:
        """Map (nodes, R, C) of a level of rows to (J, R', C) of the next finer one."""
        return mix_joints(functional.relu(self.weight), rows.double(x, level))

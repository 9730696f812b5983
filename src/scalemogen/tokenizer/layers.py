"""Skeletal-temporal layers: tensors are (B, T, J, C), masks (B, T) with True = inside the motion.

Every layer that looks at neighbouring frames sees zeros (or, when interpolating, the motion's own end) outside the
motion, so that a padded batch gives the same numbers as each motion alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from einops import einsum, rearrange, reduce
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

EPSILON = 1e-6


def keep_inside(x: Tensor, mask: Tensor | None) -> Tensor:
    """Zero (B, T, J, C) outside the motion; `mask` None keeps all."""
    return x if mask is None else x * mask[:, :, None, None]


def _autocast(x: Tensor) -> Tensor:
    """Cast to autocast's type already here: activations are moved about before they reach a matrix product."""
    device = x.device.type
    return x.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else x


def wide_linear(layer: nn.Linear | JointLinear, x: Tensor) -> Tensor:
    """Return layer(x) computed in float32 at least, whatever the type of its weights."""
    wide = torch.promote_types(x.dtype, torch.float32)
    if layer.weight.dtype == wide:
        result: Tensor = layer(x.to(wide))
    else:
        weights = {name: parameter.to(wide) for name, parameter in layer.named_parameters()}
        result = functional_call(layer, weights, x.to(wide))
    return result


class JointLinear(nn.Module):
    """A linear map of its own for every joint: (B, T, J, inputs) to (B, T, J, outputs).

    Weights are (J, inputs, outputs). `fan_in` gives each joint's true number of inputs for the initial range, where
    joints with fewer channels are padded with zeros.
    """

    def __init__(self, fan_in: Sequence[int], inputs: int, outputs: int) -> None:
        super().__init__()
        bound = torch.tensor([1.0 / math.sqrt(n) for n in fan_in])[:, None, None]
        self.weight = nn.Parameter((torch.rand(len(fan_in), inputs, outputs) * 2 - 1) * bound)
        self.bias = nn.Parameter((torch.rand(len(fan_in), outputs) * 2 - 1) * bound[:, 0])

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, J, inputs) to (B, T, J, outputs)."""
        return einsum(x, self.weight, "b t j c, j c d -> b t j d") + self.bias


class SkeletalTemporalConv(nn.Module):
    """Graph convolution over bone neighbours plus temporal convolution of size 3 (paper_facts section 3).

    y_j(t) = W_- x_j(t-1) + W_0 x_j(t) + W_+ x_j(t+1) + W_n mean over the neighbours i of j of x_i(t) + b

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

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, J, C), zero outside the motion, to (B, T, J, C)."""
        around = functional.pad(x, (0, 0, 0, 0, 1, 1))
        frames = x.shape[1]
        mixed = torch.matmul(self.neighbours, x)
        stacked = torch.cat([around[:, :frames], x, around[:, 2:], mixed], -1)
        return functional.linear(stacked, rearrange(self.weight, "tap i o -> o (tap i)"), self.bias)


class ResidualBlock(nn.Module):
    """x + dropout(conv(gelu(conv(gelu(x))))), without normalisation."""

    def __init__(self, width: int, adjacency: Sequence[Sequence[int]], dropout: float) -> None:
        super().__init__()
        self.first = SkeletalTemporalConv(width, adjacency)
        self.second = SkeletalTemporalConv(width, adjacency)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Map (B, T, J, C) to the same shape; `mask` (B, T)."""
        hidden = self.first(functional.gelu(keep_inside(_autocast(x), mask)))
        hidden = self.second(functional.gelu(keep_inside(hidden, mask)))
        result: Tensor = x + self.dropout(hidden)
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

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Map (B, T, J, C) to (B, T / 2, nodes, C); `mask` (B, T)."""
        pooled = torch.matmul(self.matrix(), keep_inside(x, mask))
        return reduce(pooled, "b (t pair) j c -> b t j c", "mean", pair=2)


class SkeletalUnpool(nn.Module):
    """Spread coarser nodes over joints with learned non-negative weights, then interpolate time by 2.

    Half-pixel centres; beyond either end of the motion the end itself is repeated.

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

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Map (B, T, nodes, C) to (B, 2 T, J, C); `mask` (B, T)."""
        x = keep_inside(torch.matmul(functional.relu(self.weight), x), mask)
        before = torch.cat([x[:, :1], x[:, :-1]], 1)
        after = torch.cat([x[:, 1:], x[:, -1:]], 1)
        if mask is not None:
            has_after = functional.pad(mask[:, 1:], (0, 1), value=False)
            after = torch.where(has_after[:, :, None, None], after, x)
        early, late = 0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after
        return rearrange([early, late], "pair b t j c -> b (t pair) j c")

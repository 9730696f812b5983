"""Parts of a block whose backward pass is written out, so that it keeps less and moves less.

Plain autograd keeps the result of every operation here: normalised, modulated and activated copies of the sequence,
many times its size in a block. These functions keep their inputs and compute the cheap copies again. Results and
gradients are those of the plain expressions (tests/unit/ar/test_fused.py).

Axis letters: B batch, L tokens, M model width, H heads, C channels of a head.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

LINEAR = 2.0 * math.sqrt(2.0 / math.pi)
CUBIC = 0.044715 * LINEAR
BLOCK = 65536
"""Elements of a block for each thread; torch gives none to a second thread below half of that."""


def modulated_linear(x: Tensor, gain: Tensor, shift: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return `linear(layer_norm(x) * gain + shift, weight, bias)`.

    Args:
        x: (B, L, M).
        gain: broadcastable to `x`.
        shift: of the shape of `gain`.
        weight: (outputs, M).
        bias: (outputs,).
        eps: of the layer norm.

    Returns:
        (B, L, outputs), in autocast's type where it is on.
    """
    y: Tensor = _ModulatedLinear.apply(x, gain, shift, weight, bias, eps)  # type: ignore[no-untyped-call]
    return y


def gelu_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return `linear(gelu(x), weight, bias)` with the tanh-approximated GELU; x (B, L, inputs)."""
    y: Tensor = _GeluLinear.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    return y


def turned_directions(qkv: Tensor, rotary: Tensor, gain: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return what cosine attention with rotary positions reads: rot(gain · q / ||q||), rot(k / ||k||), v.

    Args:
        qkv: (B, L, 3, H, C).
        rotary: (L, C / 2) complex of modulus 1; it turns the neighbouring channel pairs (2i, 2i + 1).
        gain: (H,), above 0.

    Returns:
        three tensors (B, L, H, C), computed in float32 at least, of the type of `qkv`.
    """
    q, k, v = _TurnedDirections.apply(qkv, rotary, gain)  # type: ignore[no-untyped-call]
    return q, k, v


def turn(x: Tensor, rotary: Tensor) -> Tensor:
    """Turn the neighbouring channel pairs of x (B, L, H, C) by `rotary` (L, C / 2)."""
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * rotary[:, None]).flatten(-2)


def _product_type(x: Tensor) -> torch.dtype:
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype


def _rows(x: Tensor) -> Tensor:
    return x.flatten(0, -2)


class _ModulatedLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor, shift: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        dtype = _product_type(x)
        with torch.autocast(x.device.type, enabled=False):
            normal, mean, rstd = torch.native_layer_norm(x, x.shape[-1:], None, None, eps)
            ctx.save_for_backward(x, gain, shift, weight, mean, rstd)
            modulated = torch.addcmul(shift, normal, gain)
            return functional.linear(modulated.to(dtype), weight.to(dtype), bias.to(dtype))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, gain, shift, weight, mean, rstd = ctx.saved_tensors
        grad = grads[0]
        with torch.autocast(x.device.type, enabled=False):
            normal = (x - mean).mul_(rstd)
            modulated = torch.addcmul(shift, normal, gain).to(grad.dtype)
            of_weight = (_rows(grad).T @ _rows(modulated)).to(weight.dtype)
            of_bias = _rows(grad).sum(0).to(weight.dtype)
            of_modulated = (grad @ weight.to(grad.dtype)).to(x.dtype)
            of_shift = of_modulated.sum_to_size(shift.shape)
            of_gain = normal.mul_(of_modulated).sum_to_size(gain.shape)
            of_normal = of_modulated.mul_(gain)
            of_x, _, _ = torch.ops.aten.native_layer_norm_backward(
                of_normal, x, x.shape[-1:], mean, rstd, None, None, [True, False, False]
            )
        return of_x, of_gain, of_shift, of_weight, of_bias, None


class _GeluLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x, weight)
        dtype = _product_type(x)
        with torch.autocast(x.device.type, enabled=False):
            active = _gelu(x)
            return functional.linear(active.to(dtype), weight.to(dtype), bias.to(dtype))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        grad = grads[0]
        with torch.autocast(x.device.type, enabled=False):
            active, slope = _gelu_and_slope(x)
            of_weight = (_rows(grad).T @ _rows(active.to(grad.dtype))).to(weight.dtype)
            of_bias = _rows(grad).sum(0).to(weight.dtype)
            of_x = slope.mul_((grad @ weight.to(grad.dtype)).to(x.dtype))
        return of_x, of_weight, of_bias


def _gelu(x: Tensor) -> Tensor:
    """Return the tanh-approximated GELU: with u = sqrt(2 / pi) (x + 0.044715 x^3), x (1 + tanh u) / 2 = x sigmoid(2 u).

    On a CPU by the second form, and in blocks that stay in its caches: torch's own kernel takes about twice as long.
    """
    if x.device.type != "cpu":
        return functional.gelu(x, approximate="tanh")
    active = torch.empty_like(x)
    for part, out in zip(*_blocks(x, active), strict=True):
        torch.addcmul(x.new_tensor(LINEAR), part, part, value=CUBIC, out=out).mul_(part).sigmoid_().mul_(part)
    return active


def _gelu_and_slope(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return `_gelu(x)` and its derivative, s + x s (1 - s) d(2 u)/dx with s = sigmoid(2 u)."""
    if x.device.type != "cpu":
        ones = torch.ones_like(x)
        return functional.gelu(x, approximate="tanh"), torch.ops.aten.gelu_backward(ones, x, approximate="tanh")
    active, slope, linear = torch.empty_like(x), torch.empty_like(x), x.new_tensor(LINEAR)
    for part, out, rise in zip(*_blocks(x, active, slope), strict=True):
        sigmoid = torch.addcmul(linear, part, part, value=CUBIC).mul_(part).sigmoid_()
        torch.mul(part, sigmoid, out=out)
        torch.addcmul(linear, part, part, value=3.0 * CUBIC, out=rise).mul_(out)
        rise.addcmul_(rise, sigmoid, value=-1.0).add_(sigmoid)
    return active, slope


def _blocks(*tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """Return each tensor as neighbouring pieces, so small that several passes over one stay in a CPU's caches."""
    return [tensor.view(-1).split(BLOCK * torch.get_num_threads()) for tensor in tensors]


class _TurnedDirections(torch.autograd.Function):
    """Keeps the results, which attention keeps too, and the lengths: the inputs follow from them."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, rotary: Tensor, gain: Tensor) -> tuple[Tensor, ...]:
        wide = torch.promote_types(qkv.dtype, torch.float32)
        with torch.autocast(qkv.device.type, enabled=False):
            results, lengths = [], []
            for part, strength in ((qkv[:, :, 0], gain[:, None]), (qkv[:, :, 1], torch.ones_like(gain)[:, None])):
                length = torch.linalg.vector_norm(part, dim=-1, keepdim=True, dtype=wide).clamp_(min=1e-12)
                results.append(turn(part * (strength / length), rotary).to(qkv.dtype))
                lengths.append(length)
            ctx.save_for_backward(*results, *lengths, rotary, gain)
            return *results, qkv[:, :, 2].contiguous()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        *results, q_length, k_length, rotary, gain = ctx.saved_tensors
        backwards = rotary.conj().resolve_conj()
        b, tokens, heads, channels = grads[2].shape
        of_qkv = grads[2].new_empty(b, tokens, 3, heads, channels)
        of_gain = None
        strengths = (gain[:, None], torch.ones_like(gain)[:, None])
        with torch.autocast(gain.device.type, enabled=False):
            for part, (result, length, strength) in enumerate(
                zip(results, (q_length, k_length), strengths, strict=True)
            ):
                direction = turn(result.to(length.dtype), backwards).div_(strength)
                of_direction = turn(grads[part].to(length.dtype).contiguous(), backwards)
                along = (direction * of_direction).sum(-1, keepdim=True)
                if part == 0:
                    of_gain = along.sum((0, 1)).squeeze(-1).to(gain.dtype)
                of_qkv[:, :, part] = of_direction.addcmul_(direction, along, value=-1).mul_(strength / length)
            of_qkv[:, :, 2] = grads[2]
        return of_qkv, None, of_gain

"""Hand-written backward passes against plain autograd, in double precision and under autocast."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from helpers.toy_ar import LENGTHS, toy_quantised, toy_text, toy_transformer
from scalemogen.ar import NextScaleTransformer, transformer
from scalemogen.ar.fused import gelu_linear, modulated_linear, turned_directions
from scalemogen.ar.layout import rotary_table

EPS = 1e-6


def draw(*size: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + sum(size))
    return torch.randn(*size, dtype=torch.float64, generator=generator).requires_grad_()


def plain_modulated_linear(x: Tensor, gain: Tensor, shift: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.linear(functional.layer_norm(x, x.shape[-1:], eps=EPS) * gain + shift, weight, bias)


def plain_turned(qkv: Tensor, rotary: Tensor, gain: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = qkv.unbind(2)
    real, imaginary = rotary.real[:, None], rotary.imag[:, None]

    def turned(x: Tensor) -> Tensor:
        even, odd = x[..., 0::2], x[..., 1::2]
        return torch.stack([even * real - odd * imaginary, even * imaginary + odd * real], -1).flatten(-2)

    return turned(gain[:, None] * functional.normalize(q, dim=-1)), turned(functional.normalize(k, dim=-1)), v


def assert_same(fast: Callable[..., Tensor], slow: Callable[..., Tensor], inputs: list[Tensor]) -> None:
    results, gradients = [], []
    for function in (fast, slow):
        out = function(*inputs)
        weight = torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(9))
        gradients.append(torch.autograd.grad((out * weight).sum(), inputs))
        results.append(out)
    torch.testing.assert_close(results[0], results[1])
    for mine, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("modulation", [(3, 1, 7), (7,)])
def test_modulated_linear(modulation: tuple[int, ...]) -> None:
    inputs = [draw(3, 5, 7), draw(*modulation, seed=1), draw(*modulation, seed=2), draw(11, 7), draw(11)]
    assert_same(lambda *given: modulated_linear(*given, EPS), plain_modulated_linear, inputs)


@pytest.mark.parametrize("block", [13, 65536])
def test_gelu_linear(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalemogen.ar.fused.BLOCK", block)

    def plain(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return functional.linear(functional.gelu(x, approximate="tanh"), weight, bias)

    assert_same(gelu_linear, plain, [draw(3, 5, 7), draw(11, 7), draw(11)])


def test_turned_directions() -> None:
    rotary = rotary_table(torch.tensor([[0.0, 1.0], [2.0, 3.0], [5.0, 0.0]]), 8).to(torch.complex128)
    gain = torch.tensor([0.5, 2.0, 7.0], dtype=torch.float64, requires_grad=True)
    inputs = [draw(2, 3, 3, 3, 8), gain]

    def fast(qkv: Tensor, gain: Tensor) -> Tensor:
        return torch.cat(turned_directions(qkv, rotary, gain))

    def slow(qkv: Tensor, gain: Tensor) -> Tensor:
        return torch.cat(plain_turned(qkv, rotary, gain))

    assert_same(fast, slow, inputs)


def test_under_autocast_products_are_in_its_type_and_gradients_in_the_parameters() -> None:
    x, weight, bias = (draw(*size).detach().float().requires_grad_() for size in ((3, 5, 7), (11, 7), (11,)))
    gain, shift = torch.ones(7), torch.zeros(7)
    with torch.autocast("cpu", torch.bfloat16):
        out = gelu_linear(modulated_linear(x, gain, shift, weight, bias, EPS), weight.T.contiguous(), bias[:7])
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    wide = gelu_linear(modulated_linear(x, gain, shift, weight, bias, EPS), weight.T.contiguous(), bias[:7])
    torch.testing.assert_close(out.float(), wide, atol=0.05, rtol=0.05)
    for tensor in (x, weight, bias):
        assert tensor.grad is not None
        assert tensor.grad.dtype == torch.float32


@pytest.mark.parametrize("least", [1, 10, 10_000])
def test_views_by_scale_equal_one_dense_mask(least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits and gradients, whatever is attended to at once: each scale, some together, or all under one mask."""

    def run(at_once: int) -> tuple[Tensor, list[Tensor]]:
        monkeypatch.setattr(transformer, "LEAST_VIEW", at_once)
        model: NextScaleTransformer = toy_transformer().double()
        quantised = toy_quantised(model.spec, LENGTHS)
        assert quantised.inputs is not None
        logits = model(quantised.inputs.double(), toy_text(len(LENGTHS)), quantised.maps.valid)
        inside = torch.cat([mask.repeat_interleave(size, 1) for mask, (_, size) in
                            zip(quantised.maps.valid, model.spec.sizes, strict=True)], 1)  # fmt: skip
        loss = logits[inside].square().mean()
        return logits[inside], list(torch.autograd.grad(loss, list(model.parameters()), allow_unused=True))

    mine, gradients = run(least)
    dense, expected = run(10_000)
    torch.testing.assert_close(mine, dense)
    for gradient, wanted in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, wanted)

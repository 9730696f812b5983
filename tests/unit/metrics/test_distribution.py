"""Fréchet and kernel distance against scipy and against the formulas as loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.metrics import FrechetDistance, KernelDistance
from scalemogen.metrics.functional import frechet_distance, kernel_distance, merge_moments, moments


def draw(samples: int, width: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return (N, E) correlated normal embeddings with a mean."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(width, width, generator=generator, dtype=torch.float64)
    noise = torch.randn(samples, width, generator=generator, dtype=torch.float64)
    return (noise @ mix + torch.randn(width, generator=generator, dtype=torch.float64)).to(dtype)


def scipy_fid(real: Tensor, generated: Tensor) -> float:
    """Return FID as the field computes it: numpy's covariance and scipy's matrix square root of the product."""
    x, y = real.numpy(), generated.numpy()
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(first @ second)
    offset = x.mean(0) - y.mean(0)
    return float(offset @ offset + np.trace(first) + np.trace(second) - 2 * np.trace(root).real)


def fid(real: Tensor, generated: Tensor) -> float:
    return float(frechet_distance(moments(real), moments(generated)))


@settings(max_examples=20)
@given(
    width=st.integers(2, 17),
    more=st.tuples(st.integers(5, 40), st.integers(5, 40)),
    seed=st.integers(0, 1000),
    scale=st.sampled_from([1e-4, 1.0, 1e4]),
)
def test_frechet_distance_equals_scipy(width: int, more: tuple[int, int], seed: int, scale: float) -> None:
    real, generated = draw(width + more[0], width, seed) * scale, draw(width + more[1], width, seed + 1) * scale
    assert fid(real, generated) == pytest.approx(scipy_fid(real, generated), rel=1e-8)
    assert fid(generated, real) == pytest.approx(fid(real, generated), rel=1e-10)


def test_frechet_distance_of_one_dimension_by_hand() -> None:
    real, generated = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [9.0]])  # N(1, 2) and N(5, 32)
    assert fid(real, generated) == pytest.approx((5 - 1) ** 2 + (math.sqrt(32) - math.sqrt(2)) ** 2)


@pytest.mark.parametrize("samples", [2, 7, 19])
def test_singular_covariances_are_exact(samples: int) -> None:
    """Embeddings in a subspace, turned into a wider space, are as far apart as in the subspace."""
    inside = [torch.randn(samples, 5, dtype=torch.float64), draw(samples + 2, 5, 1)]
    turn = torch.linalg.qr(torch.randn(61, 61, dtype=torch.float64)).Q[:5]
    outside = [part @ turn for part in inside]
    assert torch.linalg.matrix_rank(moments(outside[0]).covariance) < 61
    assert fid(*outside) == pytest.approx(fid(*inside), rel=1e-9, abs=1e-9)
    if samples > 5:
        assert fid(*outside) == pytest.approx(scipy_fid(*inside), rel=1e-8)


def test_equal_and_constant_sets_are_at_distance_zero() -> None:
    for features in (draw(101, 37, 0), draw(11, 37, 0) * 1e3, torch.full((5, 37), 3.5), torch.zeros(2, 3)):
        trace = float(moments(features).covariance.trace())
        assert 0 <= fid(features, features) <= 1e-12 * trace
    assert fid(torch.zeros(3, 4), torch.full((2, 4), 0.5)) == pytest.approx(1.0)


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 53), max_size=5), seed=st.integers(0, 99), mean=st.sampled_from([0.0, 1e4, 1e8]))
def test_moments_of_parts_are_those_of_the_whole(cuts: list[int], seed: int, mean: float) -> None:
    features = draw(53, 7, seed) + mean
    bounds = [0, *sorted(cuts), 53]
    parts = [moments(features[low:high]) for low, high in itertools.pairwise(bounds)]
    merged, whole = merge_moments(parts), moments(features)
    assert int(merged.samples) == 53
    torch.testing.assert_close(merged.mean, torch.from_numpy(features.numpy().mean(0)), rtol=1e-13, atol=1e-12)
    # With a mean of 1e8, float64 sums of x x^T would keep no digit of the scatter.
    torch.testing.assert_close(merged.scatter, whole.scatter, rtol=1e-6 if mean == 1e8 else 1e-9, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 5, 13, 64])
def test_the_class_equals_the_function_whatever_the_batches(batch: int) -> None:
    real, generated = draw(64, 11, 0, torch.float32) + 1000, draw(50, 11, 1, torch.float32) + 1000
    metric = FrechetDistance(width=11)
    for features, is_real in ((real, True), (generated, False)):
        for part in features.split(batch):
            metric.update(part, real=is_real)
    assert float(metric.compute()) == pytest.approx(fid(real, generated), rel=1e-9)
    assert metric.compute().dtype == torch.float64


def test_forward_and_reset_keep_the_books() -> None:
    real, generated = draw(31, 3, 0), draw(23, 3, 1)
    metric = FrechetDistance(width=3)
    metric.update(real * 7, real=True)
    metric.reset()
    metric.update(real[:9], real=True)
    metric.update(generated[:2], real=False)
    other = FrechetDistance(width=3)
    other.update(real[9:], real=True)
    other.update(generated[2:], real=False)
    metric.merge_state(other)
    assert float(metric.compute()) == pytest.approx(fid(real, generated), rel=1e-9)


def test_frechet_distance_refuses_what_it_cannot_judge() -> None:
    with pytest.raises(UserError, match="at least 2 generated embeddings for a covariance; there are 1"):
        frechet_distance(moments(draw(5, 3, 0)), moments(draw(1, 3, 1)))
    with pytest.raises(UserError, match="real embeddings hold NaN"):
        frechet_distance(moments(torch.full((5, 3), torch.nan)), moments(draw(5, 3, 1)))
    with pytest.raises(ValueError, match="widths 3 and 4"):
        frechet_distance(moments(draw(5, 3, 0)), moments(draw(5, 4, 1)))
    metric = FrechetDistance(width=3)
    with pytest.raises(ValueError, match=r"\(B, 3\) wanted, not \[5, 4\]"):
        metric.update(draw(5, 4, 0), real=True)
    metric.update(draw(5, 3, 0), real=True)
    features = draw(7, 3, 1)
    features[2, 1], features[4, 0] = torch.nan, torch.inf
    metric.update(features, real=False)
    with pytest.raises(UserError, match="2 of 7 generated embeddings hold NaN or infinite values"):
        metric.compute()


def kernel(x: Tensor, y: Tensor) -> float:
    return (float(x @ y) / len(x) + 1) ** 3


def looped_mmd(real: list[Tensor], generated: list[Tensor]) -> float:
    """Return the unbiased estimate, pair by pair."""
    n, m = len(real), len(generated)
    within = [
        sum(kernel(a, b) for i, a in enumerate(part) for j, b in enumerate(part) if i != j)
        / (len(part) ** 2 - len(part))
        for part in (real, generated)
    ]
    return sum(within) - 2 * sum(kernel(a, b) for a in real for b in generated) / (n * m)


def test_kernel_distance_and_its_error_equal_loops() -> None:
    real, generated = draw(7, 5, 0), draw(11, 5, 1)
    found = kernel_distance(real, generated)
    x, y = list(real), list(generated)
    assert float(found.value) == pytest.approx(looped_mmd(x, y), rel=1e-10)
    variance = 0.0
    for left_out in (
        [looped_mmd(x[:i] + x[i + 1 :], y) for i in range(len(x))],
        [looped_mmd(x, y[:i] + y[i + 1 :]) for i in range(len(y))],
    ):
        mean = sum(left_out) / len(left_out)
        variance += (len(left_out) - 1) / len(left_out) * sum((value - mean) ** 2 for value in left_out)
    assert float(found.standard_error) == pytest.approx(math.sqrt(variance), rel=1e-8)


def test_kernel_distance_is_unbiased_for_small_sets_and_its_error_is_honest() -> None:
    population = [torch.randn(4000, 3, dtype=torch.float64), torch.randn(4000, 3, dtype=torch.float64) + 0.5]
    truth = float(kernel_distance(population[0][:1000], population[1][:1000]).value)
    found = [kernel_distance(x, y) for x, y in zip(*(part.split(20) for part in population), strict=True)]
    values = torch.stack([one.value for one in found])
    spread = float(values.std())
    assert float(values.mean()) == pytest.approx(truth, abs=5 * spread / math.sqrt(len(values)))
    assert float(torch.stack([one.standard_error for one in found]).square().mean().sqrt()) == pytest.approx(
        spread, rel=0.25
    )


def test_kernel_distance_of_equal_distributions_is_around_zero() -> None:
    halves = torch.randn(2, 100, 10, 3, dtype=torch.float64)
    values = torch.stack([kernel_distance(x, y).value for x, y in zip(*halves, strict=True)])
    assert values.min() < 0 < values.max()
    assert abs(float(values.mean())) < 4 * float(values.std()) / 10


def test_kernel_distance_does_not_depend_on_its_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalemogen.metrics.functional.distribution.KERNEL_ROWS", 7)
    real, generated = draw(31, 3, 0), draw(23, 3, 1)
    gram = (real @ generated.T / 3 + 1) ** 3
    within = [
        ((part @ part.T / 3 + 1) ** 3).fill_diagonal_(0).sum() / (len(part) ** 2 - len(part))
        for part in (real, generated)
    ]
    torch.testing.assert_close(kernel_distance(real, generated).value, sum(within) - 2 * gram.mean(), rtol=1e-9, atol=0)


def test_kernel_class_gathers_batches_and_refuses_bad_sets() -> None:
    real, generated = draw(13, 5, 0, torch.float32), draw(17, 5, 1, torch.float32)
    metric = KernelDistance(width=5)
    for part in real.split(4):
        metric.update(part, real=True)
    for part in generated.split(3):
        metric.update(part, real=False)
    assert metric.compute() == kernel_distance(real, generated)
    metric.reset()
    metric.update(real[:2], real=True)
    with pytest.raises(UserError, match="2 real embeddings; at least 3 are needed"):
        metric.compute()
    metric.update(real, real=True)
    metric.update(torch.full((4, 5), torch.inf), real=False)
    with pytest.raises(UserError, match="4 of 4 generated embeddings hold NaN or infinite"):
        metric.compute()
    with pytest.raises(ValueError, match=r"generated of shape \[4, 5\] wanted"):
        metric.update(torch.zeros(4, 6), real=False)


def test_what_is_further_from_real_scores_worse() -> None:
    """Noise, collapse and a shift all cost, and more of it costs more."""
    real, held_out = draw(600, 6, 0).split(300)
    noise = torch.randn(300, 6, dtype=torch.float64)
    ladders = {
        "noise": [held_out, held_out + 2 * noise, held_out + 6 * noise],
        "collapse": [held_out, held_out.mean(0) + 0.5 * (held_out - held_out.mean(0)), held_out.mean(0).expand(300, 6)],
        "shift": [held_out, held_out + 1, held_out + 3],
    }
    for name, ladder in ladders.items():
        assert [fid(real, one) for one in ladder] == sorted(fid(real, one) for one in ladder), name
        values = [float(kernel_distance(real, one).value) for one in ladder]
        assert values == sorted(values), name

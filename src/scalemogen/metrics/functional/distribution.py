"""Distances between two sets of embeddings: Fréchet distance (FID), and an unbiased kernel distance (KID).

Axis letters: N, M samples of the two sets, E embedding width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.metrics.functional.embeddings import checked_rows

KERNEL_DEGREE = 3
"""Degree of the polynomial kernel; 3 is what KID uses."""

KERNEL_ROWS = 1024
"""Rows of the kernel matrix that are in memory at a time."""


class Moments(NamedTuple):
    """Number, mean and scatter of a set of embeddings, in float64.

    Attributes:
        samples: () their number N.
        mean: (E,).
        scatter: (E, E) sum over samples of (x - mean)(x - mean)^T.
    """

    samples: Tensor
    mean: Tensor
    scatter: Tensor

    @property
    def covariance(self) -> Tensor:
        """(E, E) unbiased covariance, scatter / (N - 1)."""
        return self.scatter / (self.samples - 1)


class KernelEstimate(NamedTuple):
    """Answer of `kernel_distance`.

    Attributes:
        value: () squared maximum mean discrepancy; unbiased, so it may be below 0 for equal distributions.
        standard_error: () of `value`.
    """

    value: Tensor
    standard_error: Tensor


def moments(features: Tensor) -> Moments:
    """Return the moments of embeddings (N, E), the mean first and deviations from it second; zeros for N = 0."""
    features = features.detach().double()
    count = features.new_tensor(float(features.shape[0]))
    mean = features.sum(dim=0) / count.clamp(min=1.0)
    centred = features - mean
    return Moments(count, mean, centred.T @ centred)


def merge_moments(parts: Sequence[Moments]) -> Moments:
    """Return the moments of the union of disjoint sets (Chan, Golub and LeVeque 1979), without cancellation.

        n = Σ n_i,   μ = Σ n_i μ_i / n,   S = Σ S_i + Σ n_i (μ_i - μ)(μ_i - μ)^T

    Only differences of means are squared, so a mean that is large against the spread costs no digits, as it
    would in E[x x^T] - E[x] E[x]^T.
    """
    counts = torch.stack([part.samples for part in parts])
    means = torch.stack([part.mean for part in parts])
    count = counts.sum()
    mean = (counts[:, None] * means).sum(dim=0) / count.clamp(min=1.0)
    apart = counts.sqrt()[:, None] * (means - mean)
    return Moments(count, mean, torch.stack([part.scatter for part in parts]).sum(dim=0) + apart.T @ apart)


def frechet_distance(real: Moments, generated: Moments) -> Tensor:
    """Return the squared Fréchet distance of the two sets' Gaussians, called FID.

        d = |μ_r - μ_g|^2 + tr(Σ_r) + tr(Σ_g) - 2 tr((Σ_r Σ_g)^(1/2))

    The last trace is the sum of the singular values of Σ_r^(1/2) Σ_g^(1/2), with symmetric square roots from
    eigenvalues. Nothing is inverted and no root of a non-symmetric matrix is taken, so the result is real, and
    correct also for singular covariances (fewer samples than dimensions, or dead dimensions): the 1e-6 that the
    field's code adds to the diagonal when a matrix root fails is never needed. Rounding below 0 is cut off.

    The value falls with the number of samples (its bias is of order E/N), so compare equal N only; for small sets
    see `kernel_distance`.

    Args:
        real: `moments` of one set.
        generated: of the other; the distance is symmetric.

    Returns:
        () float64, at least 0, in squared embedding units.

    Raises:
        UserError: a set has fewer than 2 samples, or values that are not finite.
        ValueError: the widths differ.
    """
    if real.mean.shape != generated.mean.shape:
        raise ValueError(f"embedding widths {real.mean.shape[0]} and {generated.mean.shape[0]} differ")
    for name, part in (("real", real), ("generated", generated)):
        if part.samples < 2:
            raise UserError(f"FID needs at least 2 {name} embeddings for a covariance; there are {int(part.samples)}")
        if not bool(part.scatter.isfinite().all() & part.mean.isfinite().all()):
            raise UserError(f"the {name} embeddings hold NaN, infinite or overflowing values; all must be finite")
    first, second = real.covariance, generated.covariance
    overlap = torch.linalg.svdvals(_root(first) @ _root(second)).sum()
    offset = (real.mean - generated.mean).square().sum()
    distance: Tensor = offset + first.trace() + second.trace() - 2.0 * overlap
    return distance.clamp(min=0.0)


def _root(covariance: Tensor) -> Tensor:
    """Return the symmetric square root; eigenvalues below rounding count as 0."""
    values, vectors = torch.linalg.eigh(covariance)
    floor = values.abs().amax() * values.shape[0] * torch.finfo(values.dtype).eps
    root: Tensor = (vectors * torch.where(values > floor, values, 0.0).sqrt()) @ vectors.T
    return root


def kernel_distance(real: Tensor, generated: Tensor) -> KernelEstimate:
    """Return the unbiased squared maximum mean discrepancy with KID's kernel, for sets too small for FID.

        k(x, y) = (x·y / E + 1)^3
        d = mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) - 2 mean_{i,j} k(x_i, y_j)

    (Bińkowski et al. 2018.) All pairs are used, where the usual code averages random subsets of 1,000, so nothing
    is drawn and the expectation does not depend on N and M. The standard error is the delete-one jackknife of both
    samples (Arvesen 1969); for equal distributions the statistic degenerates and the error is a rough guide.

    Args:
        real: (N, E), N at least 3.
        generated: (M, E), M at least 3.

    Raises:
        UserError: fewer than 3 embeddings in a set, or values that are not finite.
        ValueError: the widths differ.
    """
    x, y = checked_rows(real, "real", least=3), checked_rows(generated, "generated", least=3)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"embedding widths {x.shape[1]} and {y.shape[1]} differ")
    n, m = x.shape[0], y.shape[0]
    within_x, within_y = (_kernel_sums(rows, rows)[0] - _kernel(rows.square().sum(1), rows.shape[1]) for rows in (x, y))
    across_x, across_y = _kernel_sums(x, y)
    xx, yy, xy = within_x.sum(), within_y.sum(), across_x.sum()
    value = xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)
    without_x = (xx - 2 * within_x) / ((n - 1) * (n - 2)) + yy / (m * (m - 1)) - 2 * (xy - across_x) / ((n - 1) * m)
    without_y = xx / (n * (n - 1)) + (yy - 2 * within_y) / ((m - 1) * (m - 2)) - 2 * (xy - across_y) / (n * (m - 1))
    variance = (n - 1) * without_x.var(correction=0) + (m - 1) * without_y.var(correction=0)
    return KernelEstimate(value, variance.sqrt())


def _kernel(products: Tensor, width: int) -> Tensor:
    return (products / width + 1.0) ** KERNEL_DEGREE


def _kernel_sums(rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Return the kernel of rows (N, E) and columns (M, E) summed over all columns, (N,), and over all rows, (M,)."""
    over_columns, over_rows = [], torch.zeros_like(columns[:, 0])
    for part in torch.split(rows, KERNEL_ROWS):
        kernel = _kernel(part @ columns.T, rows.shape[1])
        over_columns.append(kernel.sum(dim=1))
        over_rows += kernel.sum(dim=0)
    return torch.cat(over_columns), over_rows

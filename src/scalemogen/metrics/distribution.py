"""Distances between real and generated embeddings as torchmetrics classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from scalemogen.metrics.functional.distribution import (
    KernelEstimate,
    Moments,
    frechet_distance,
    kernel_distance,
    merge_moments,
    moments,
)
from scalemogen.metrics.functional.embeddings import finite_rows, require_finite
from scalemogen.metrics.gathered import GatheredMetric


class FrechetDistance(Metric):
    """FID of everything seen, see `functional.frechet_distance`.

    The state is not the embeddings but number, mean and scatter of each set, in float64. Batches and processes are
    joined by `functional.merge_moments`, which squares only differences of means: the joint scatter is as exact as if
    all embeddings had been at hand, where sums of x and x x^T lose the digits that mean and spread differ by. So
    the order of merging shows in the last digits of float64 only.

    Rows that are not finite are counted, kept out of the moments, and refused on `compute`, on all processes alike.

    Args:
        width: E.
    """

    full_state_update = False
    real: Tensor
    generated: Tensor
    broken: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        for name in ("real", "generated"):
            self.add_state(name, torch.zeros(width + 1, width + 1, dtype=torch.float64), dist_reduce_fx=_merged)
        self.add_state("broken", torch.zeros(2, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, features: Tensor, real: bool) -> None:
        """Add a batch.

        Args:
            features: (B, E).
            real: whether they are embeddings of real or of generated motions.

        Raises:
            ValueError: another width.
        """
        width = self.real.shape[0] - 1
        if features.ndim != 2 or features.shape[1] != width:
            raise ValueError(f"embeddings (B, {width}) wanted, not {[*features.shape]}")
        finite = finite_rows(features)
        name = "real" if real else "generated"
        batch = _packed(moments(features[finite])).to(self.real.device)
        setattr(self, name, _merged(torch.stack([getattr(self, name), batch])))
        self.broken[0 if real else 1] += (~finite).sum().to(self.broken.device)

    def compute(self) -> Tensor:
        """Return the distance over all updates and processes.

        Raises:
            UserError: fewer than 2 embeddings in a set, or some that are not finite.
        """
        sets = {"real": _unpacked(self.real), "generated": _unpacked(self.generated)}
        for (name, part), broken in zip(sets.items(), self.broken.tolist(), strict=True):
            require_finite(broken, broken + int(part.samples), name)
        return frechet_distance(sets["real"], sets["generated"])


class KernelDistance(GatheredMetric):
    """KID of everything seen and its standard error, see `functional.kernel_distance`.

    Args:
        width: E.
    """

    def __init__(self, width: int) -> None:
        super().__init__({"real": width, "generated": width})

    def update(self, features: Tensor, real: bool) -> None:
        """Add a batch.

        Args:
            features: (B, E).
            real: whether they are embeddings of real or of generated motions.

        Raises:
            ValueError: another width.
        """
        self._keep({"real" if real else "generated": features})

    def compute(self) -> KernelEstimate:
        """Return the distance over all updates and processes.

        Raises:
            UserError: fewer than 3 embeddings in a set, or some that are not finite.
        """
        sets = self._gathered()
        return kernel_distance(sets["real"], sets["generated"])


def _packed(part: Moments) -> Tensor:
    """Return moments as one matrix (E + 1, E + 1): the scatter, below it the mean, in the corner their number."""
    matrix = torch.nn.functional.pad(part.scatter, (0, 1, 0, 1))
    matrix[-1] = torch.cat([part.mean, part.samples[None]])
    return matrix


def _unpacked(matrix: Tensor) -> Moments:
    return Moments(matrix[-1, -1], matrix[-1, :-1], matrix[:-1, :-1])


def _merged(matrices: Tensor) -> Tensor:
    """Return the packed moments of all sets of (R, E + 1, E + 1)."""
    return _packed(merge_moments([_unpacked(matrix) for matrix in matrices]))

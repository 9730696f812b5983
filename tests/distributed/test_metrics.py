"""Metrics in two processes, one of which may have seen nothing, against one process."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor
from torchmetrics import Metric

from helpers.processes import run_processes
from scalemogen.contracts import TokenMaps
from scalemogen.errors import UserError
from scalemogen.metrics import (
    BitDependence,
    Dependence,
    Diversity,
    FrechetDistance,
    Gallery,
    KernelDistance,
    MatchedDistance,
    MatchingScore,
    MultiModality,
    RPrecision,
)

SAMPLES, WIDTH = 37, 5
BOTH = (torch.arange(0, SAMPLES, 2), torch.arange(1, SAMPLES, 2))
ONE = (torch.arange(0), torch.arange(SAMPLES))


def feed(metric: Metric, chosen: Tensor) -> list[Tensor]:
    """Give a metric the chosen ones of the same 37 samples, in batches of 8, and return its figures."""
    generator = torch.Generator().manual_seed(0)
    texts = torch.randn(SAMPLES, WIDTH, generator=generator)
    motions = texts + torch.randn(SAMPLES, WIDTH, generator=generator)
    bits = torch.rand(SAMPLES, 3, 2, 4, generator=generator) < 0.4
    for rows in chosen.split(8) if len(chosen) else ():
        match metric:
            case FrechetDistance() | KernelDistance():
                metric.update(texts[rows], real=True)
                metric.update(motions[rows], real=False)
            case RPrecision() | Gallery():
                metric.update(texts[rows], motions[rows], rows, rows // 2)
            case Diversity():
                metric.update(motions[rows], rows)
            case MultiModality():
                metric.update(motions[rows], rows * 0, rows)
            case BitDependence():
                metric.update(TokenMaps((bits[rows],), (torch.ones(len(rows), 3, dtype=torch.bool),)))
            case _:
                metric.update(texts[rows], motions[rows])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The ``compute`` method")  # the process without samples
        return flat(metric.compute())


def flat(value: object) -> list[Tensor]:
    """Return the numbers of nested answers."""
    if isinstance(value, Dependence):
        return [value.mean, value.pairs]
    return [one for part in value for one in flat(part)] if isinstance(value, tuple) else [torch.as_tensor(value)]


def every_metric() -> list[Metric]:
    return [
        FrechetDistance(WIDTH),
        KernelDistance(WIDTH),
        RPrecision(WIDTH, pool=8, seed=4),
        Gallery(WIDTH),
        MatchedDistance(),
        MatchingScore(),
        Diversity(WIDTH, pairs=30, seed=4),
        MultiModality(WIDTH, pairs=10, seed=4),
        BitDependence(1, 4),
    ]


def _refusal(rank: int) -> str:
    """Return what both processes say when one has met a NaN."""
    metric = FrechetDistance(WIDTH)
    metric.update(torch.randn(4, WIDTH), real=True)
    metric.update(torch.full((3, WIDTH), torch.nan if rank else 1.0), real=False)
    try:
        metric.compute()
    except UserError as error:
        return str(error)
    return "no error"


def _share(rank: int) -> tuple[list[list[list[Tensor]]], str]:
    return [[feed(metric, shares[rank]) for metric in every_metric()] for shares in (BOTH, ONE)], _refusal(rank)


def test_two_processes_equal_one(tmp_path: Path) -> None:
    alone = [feed(metric, torch.arange(SAMPLES)) for metric in every_metric()]
    for found, refusal in run_processes(2, tmp_path, _share):
        for of_shares in found:
            for metric, mine, expected in zip(every_metric(), of_shares, alone, strict=True):
                for one, other in zip(mine, expected, strict=True):
                    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12, msg=type(metric).__name__)
        assert refusal == "3 of 6 generated embeddings hold NaN or infinite values; all must be finite"

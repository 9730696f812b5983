"""The contrastive loss over two processes: the loss and the gradients of one process on the joined batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from helpers.evaluators import make_evaluator
from helpers.processes import run_processes
from scalemogen.distributed import gather_over_ranks
from scalemogen.evaluators import caption_labels, info_nce

CAPTIONS = ["a person walks", "someone waves", "A person walks.", "a man squats", "someone waves", ""]
LENGTHS = torch.tensor([13, 5, 9, 13, 8, 11])
SHARES = [slice(0, 3), slice(3, 6)]  # equal captions meet across the processes


def _step(rows: slice) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    evaluator = make_evaluator()
    network, text = evaluator.network, evaluator.text
    features = torch.randn(6, 13, 263, generator=torch.Generator().manual_seed(3))
    captions = CAPTIONS[rows]
    motions = gather_over_ranks(network.embed_motions(features[rows], LENGTHS[rows]))
    texts = gather_over_ranks(network.embed_texts(text(captions)))
    loss = info_nce(motions, texts, gather_over_ranks(caption_labels(captions)), 0.1)
    loss.backward()
    return loss.detach(), {
        name: parameter.grad for name, parameter in evaluator.named_parameters() if parameter.grad is not None
    }


def _share(rank: int) -> Any:
    return _step(SHARES[rank])


def test_two_processes_equal_the_joined_batch(tmp_path: Path) -> None:
    first, second = run_processes(2, tmp_path, _share)
    loss, gradients = _step(slice(0, 6))
    assert first[0] == second[0]
    torch.testing.assert_close(first[0], loss, rtol=1e-5, atol=1e-6)
    for name, gradient in gradients.items():
        mean = (first[1][name] + second[1][name]) / 2  # what DDP does
        assert (mean - gradient).norm() <= 1e-4 * gradient.norm() + 1e-7, name

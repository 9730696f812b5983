"""Metrics of motions: two processes against one on all clips."""

from __future__ import annotations

from pathlib import Path

import torch

from helpers.motions import make_motion
from helpers.processes import run_processes
from scalemogen.metrics import AttributeAccuracy, Plausibility, Reconstruction
from scalemogen.synthetic import synthetic_clips

LENGTHS = [23, 11, 17]
SHARES = [slice(0, 1), slice(1, 3)]


def _figures(share: slice) -> dict[str, torch.Tensor]:
    motions = [make_motion(frames=frames, seed=frames) for frames in LENGTHS][share]
    plausibility, reconstruction, attributes = (
        Plausibility(motions[0].skeleton, 20.0),
        Reconstruction(),
        AttributeAccuracy(),
    )
    for motion in motions:
        pose = motion.positions[None], motion.rotations[None]
        plausibility.update(*pose)
        reconstruction.update((1.1 * pose[0], pose[1]), pose)
    clips = list(synthetic_clips(3, seed=5))[share]
    attributes.update([clip.motion for clip in clips], [clip.attributes for clip in clips])
    found = attributes.compute()
    shares = {"facts": found.facts, "sentences": found.sentences, **found.kinds}
    return plausibility.compute() | reconstruction.compute() | shares


def _share(rank: int) -> dict[str, torch.Tensor]:
    return _figures(SHARES[rank])


def test_two_processes_give_the_figures_of_one(tmp_path: Path) -> None:
    first, second = run_processes(2, tmp_path, _share)
    together = _figures(slice(0, 3))
    assert set(first) == set(together)
    for name, value in together.items():
        torch.testing.assert_close(first[name], value, equal_nan=True)
        torch.testing.assert_close(second[name], value, equal_nan=True)

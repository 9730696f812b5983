"""A small evaluator, trained for a minute, orders motions as one expects."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from helpers.training import QUIET, fit
from scalemogen.data_modules import Synthetic
from scalemogen.evaluation import load_evaluator
from scalemogen.evaluators import Evaluator
from scalemogen.metrics.functional import frechet_distance, matching_score, moments
from scalemogen.motion import Motion, get_layout

pytestmark = pytest.mark.slow

CLIPS = 150
SIZES = ["--model.width=64", "--model.layers=2", "--model.heads=4", "--model.embedding=32", "--model.text.width=32"]
TRAINING = [
    *("--data.init_args.clips=600", "--trainer.max_steps=400", "--model.optimizer.lr=2e-3"),
    *("--trainer.check_val_every_n_epoch=null", "--trainer.val_check_interval=100", "--trainer.precision=32-true"),
]


@dataclass(frozen=True)
class Judged:
    """Clips that the evaluator has not seen, with one caption each, and how it embeds them."""

    evaluator: Evaluator
    motions: list[Motion]
    captions: list[str]
    texts: Tensor

    def embed(self, change: Callable[[Motion], Motion]) -> Tensor:
        layout = get_layout(self.evaluator.layout)
        rows = [layout.from_motion(change(motion)) for motion in self.motions]
        lengths = torch.tensor([len(row) for row in rows])
        padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        return self.evaluator.embed_motions(padded, lengths).matching

    def score(self, embeddings: Tensor) -> Tensor:
        return matching_score(self.texts, embeddings)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    place = tmp_path_factory.mktemp("orderings")
    run = fit("evaluator", place / "run", place / "data", *QUIET, *SIZES, *TRAINING, batch=32)
    evaluator = load_evaluator(run / "model")
    store = Synthetic(clips=CLIPS, seed=1, root=str(Path(place) / "data")).store
    layout = get_layout(store.facts.layout)
    motions = [
        layout.to_motion(torch.from_numpy(store.clip(i).copy()), store.facts.skeleton, store.facts.fps)
        for i in range(CLIPS)
    ]
    captions = [store.captions(i)[0] for i in range(CLIPS)]
    return Judged(evaluator, motions, captions, evaluator.embed_texts(captions))


def rebuilt(motion: Motion, frames: Tensor) -> Motion:
    return Motion.from_rotations(motion.skeleton, motion.rotations[frames], motion.root[frames], motion.fps)


def same(motion: Motion) -> Motion:
    return motion


def backwards(motion: Motion) -> Motion:
    return rebuilt(motion, torch.arange(motion.frames - 1, -1, -1))


def frozen(motion: Motion) -> Motion:
    return rebuilt(motion, torch.zeros(motion.frames, dtype=torch.int64))


def shaken(motion: Motion, size: float = 0.3) -> Motion:
    noise = torch.randn(motion.rotations.shape, generator=torch.Generator().manual_seed(motion.frames))
    rotations = torch.nn.functional.normalize(motion.rotations + size * noise, dim=-1)
    return Motion.from_rotations(motion.skeleton, rotations, motion.root, motion.fps)


def mirrored(motion: Motion) -> Motion:
    return motion.mirrored()


def test_captions_go_with_their_own_motions(judged: Judged) -> None:
    real = judged.embed(same)
    assert judged.score(real).mean() > judged.score(real.roll(1, dims=0)).mean() + 0.3


@pytest.mark.parametrize("change", [backwards, frozen, shaken])
def test_broken_motions_score_lower(judged: Judged, change: Callable[[Motion], Motion]) -> None:
    assert judged.score(judged.embed(change)).mean() < judged.score(judged.embed(same)).mean() - 0.02


def test_sides_count(judged: Judged) -> None:
    sided = torch.tensor([bool(re.search(r"\b(left|right)\b", caption)) for caption in judged.captions])
    assert sided.sum() > CLIPS / 4
    real, swapped = (judged.score(judged.embed(change))[sided].mean() for change in (same, mirrored))
    assert swapped < real - 0.02


def test_the_more_a_set_is_changed_the_further_it_is_away(judged: Judged) -> None:
    real = moments(judged.embed(same))

    def distance(change: Callable[[Motion], Motion]) -> float:
        return float(frechet_distance(real, moments(judged.embed(change))))

    trimmed = distance(lambda motion: rebuilt(motion, torch.arange(1, motion.frames)))
    assert distance(same) < 1e-6
    # Left and right are equally frequent: a mirrored set looks real, which only the pairing with captions denies.
    assert trimmed < distance(mirrored) < min(distance(backwards), distance(frozen))
    assert trimmed < distance(lambda motion: shaken(motion, 0.05)) < distance(shaken)

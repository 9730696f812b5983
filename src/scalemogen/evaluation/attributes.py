"""Synthetic data: does a motion show what its sentence says, checked by program?"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from scalemogen.data_modules import MotionStore
from scalemogen.evaluation.samples import Samples
from scalemogen.metrics.functional import KINDS, read
from scalemogen.motion import Motion
from scalemogen.synthetic import check

ACTS = "acts"


def has_facts(store: MotionStore, split: str) -> bool:
    """Tell whether the clips of a split say what they show."""
    return all(ACTS in store.attributes(clip) for clip in store.indices(split).tolist())


def check_facts(store: MotionStore, motions: Sequence[Motion], clips: Sequence[int]) -> Samples:
    """Check motions against the attributes of clips.

    Returns:
        "held" and "stated", (B, 1 + len(KINDS)): how many facts a sentence states in all, and acts of each kind of
        fact, and how many of them hold.
    """
    held, stated = [], []
    for motion, clip in zip(motions, clips, strict=True):
        facts, acts = check(motion, store.attributes(clip)), read(motion, store.attributes(clip))
        held.append([sum(facts.values()), *(sum(act.get(kind, False) for act in acts) for kind in KINDS)])
        stated.append([len(facts), *(sum(kind in act for act in acts) for kind in KINDS)])
    return {"held": torch.tensor(held), "stated": torch.tensor(stated)}


def fact_scores(samples: Samples) -> dict[str, float]:
    """Return the share of facts that hold, of sentences all of whose facts hold, and of acts by kind of fact."""
    held, stated = samples["held"].double(), samples["stated"].double()
    shares = (held.sum(0) / stated.sum(0)).tolist()
    whole = float((held[:, 0] == stated[:, 0]).double().mean())
    return {"facts": shares[0], "sentences": whole} | {
        f"facts_{kind}": share for kind, share in zip(KINDS, shares[1:], strict=True)
    }

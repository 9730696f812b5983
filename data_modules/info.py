"""A store in figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from scalemogen.data_modules.store import MotionStore
from scalemogen.skeletons import Skeleton

BINS = 8
"""Bars of the length histogram, at most."""


def describe(store: MotionStore) -> dict[str, Any]:
    """Return sizes, lengths, captions, skeleton and licence of a store as plain JSON values."""
    facts = store.facts
    return {
        "path": str(store.path),
        "name": facts.name,
        "licence": facts.licence,
        "citation": facts.citation,
        "fps": facts.fps,
        "layout": facts.layout,
        "features": len(facts.mean),
        "clips": len(store),
        "hours": _hours(int(store.lengths.sum()), facts.fps),
        "splits": {name: _split(store, name) for name in store.split_names},
        "lengths": _lengths(store),
        "captions": _captions(store),
        "skeleton": _skeleton(facts.skeleton),
        "quarantined": len(store.quarantine),
        "provenance": dict(store.provenance),
    }


def _hours(frames: int, fps: float) -> float:
    return round(frames / fps / 3600, 4)


def _split(store: MotionStore, name: str) -> dict[str, Any]:
    clips = store.indices(name)
    frames = int(store.lengths[clips].sum())
    return {
        "clips": len(clips),
        "frames": frames,
        "hours": _hours(frames, store.facts.fps),
        "digest": store.facts.digests[name],
    }


def _lengths(store: MotionStore) -> dict[str, Any]:
    lengths = np.asarray(store.lengths)
    # Equal bars up to where 98 % of the clips end; the last bar takes the rest.
    low, usual, high = int(lengths.min()), int(np.quantile(lengths, 0.98)), int(lengths.max()) + 1
    edges = np.unique([*np.linspace(low, max(usual, low + 1), BINS).round().astype(int), high])
    counts, _ = np.histogram(lengths, edges)
    return {
        "min": int(lengths.min()),
        "median": float(np.median(lengths)),
        "max": int(lengths.max()),
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def _captions(store: MotionStore) -> dict[str, Any]:
    captions = [caption for index in range(len(store)) for caption in store.captions(index)]
    words = [caption.lower().split() for caption in captions]
    sizes = [len(sentence) for sentence in words]
    return {
        "count": len(captions),
        "per_clip": round(len(captions) / len(store), 2),
        "different": len(set(captions)),
        "words_mean": round(float(np.mean(sizes)), 1) if sizes else 0.0,
        "words_max": max(sizes, default=0),
        "vocabulary": len({word.strip(".,;:!?'\"") for sentence in words for word in sentence}),
    }


def _skeleton(skeleton: Skeleton) -> dict[str, Any]:
    return {
        "name": skeleton.name,
        "digest": skeleton.digest,
        "joints": len(skeleton.joints),
        "levels": [len(skeleton.joints), *(len(pool) for pool in skeleton.pools)],
        "parts": {
            part: [
                joint for joint, owner in zip(skeleton.joints, skeleton.part_of_joint(), strict=True) if owner == index
            ]
            for index, part in enumerate(skeleton.parts)
        },
        "chains": {name: [len(partition) for partition in chain] for name, chain in skeleton.part_chains},
    }

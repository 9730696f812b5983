"""A store to look at: one self-contained page with figures, plots, samples, and what augmentations do to a clip."""

from __future__ import annotations

import html
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scalemogen.data_modules import MotionStore, SpeedChange
from scalemogen.evaluation.plots import histogram
from scalemogen.evaluation.report_html import document, table_of, viewer_frame
from scalemogen.files import atomic_path
from scalemogen.motion import Motion, get_layout

SAMPLES = 6
"""Clips that play."""

SECONDS = 10.0
"""Of a clip that are shown, at most."""

SPEED, CROP = 0.25, 2 / 3
"""Augmentations as shown: the greatest change of speed, and the share of the clip that a crop keeps."""

VALUES = 15
"""Rows of a table of values; the rarer ones are counted."""


def write_page(store: MotionStore, info: dict[str, Any], path: Path, seed: int = 0) -> None:
    """Write the page; it appears when complete.

    Args:
        store: an opened store.
        info: `describe(store)`.
        path: of the page.
        seed: of the draw of samples and of the augmentations.

    Raises:
        UserError: the file cannot be written.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(store), generator=generator)[:SAMPLES].sort().values.tolist()
    usual = [clip for clip in chosen if store.lengths[clip] >= 2]
    parts = [
        f"<h1>{html.escape(info['name'])}</h1>",
        table_of(_summary(info)),
        "<h2>Splits</h2>",
        table_of(_splits(info)),
        "<h2>Lengths and captions</h2>",
        f'<div class="plots">{"".join(_plots(store))}</div>',
        *_attributes(store),
        f"<h2>Samples</h2><p>Drawn with seed {seed}; the first {SECONDS:g} seconds of each.</p>",
        _samples(store, chosen),
    ]
    if usual:
        parts += [f"<h2>Augmentations</h2><p>{_about_augmentations()}</p>", _augmented(store, usual[0], generator)]
    with atomic_path(path) as temporary:
        temporary.write_text(document(f"Data: {info['name']}", parts), encoding="utf-8")


def _summary(info: dict[str, Any]) -> list[list[str]]:
    captions, lengths = info["captions"], info["lengths"]
    return [
        ["", ""],
        ["licence", info["licence"]],
        ["citation", info["citation"]],
        ["size", f"{info['clips']} clips, {info['hours']:.2f} hours at {info['fps']:g} frames per second"],
        ["features", f"{info['layout']}, {info['features']} a frame"],
        ["skeleton", f"{info['skeleton']['name']}, {info['skeleton']['joints']} joints"],
        ["lengths", f"{lengths['min']} to {lengths['max']} frames, median {lengths['median']:g}"],
        [
            "captions",
            f"{captions['count']} ({captions['per_clip']:g} a clip), {captions['different']} different,"
            f" {captions['vocabulary']} different words",
        ],
        ["set aside", f"{info['quarantined']} entries (quarantine.jsonl)"],
    ]


def _splits(info: dict[str, Any]) -> list[list[str]]:
    rows = [
        [name, str(split["clips"]), f"{split['hours']:.2f}", split["digest"]] for name, split in info["splits"].items()
    ]
    return [["split", "clips", "hours", "digest"], *rows]


def _plots(store: MotionStore) -> list[str]:
    splits = {name: store.indices(name).tolist() for name in store.split_names}
    seconds = {name: (store.lengths[clips] / store.facts.fps).tolist() for name, clips in splits.items()}
    texts = {name: [store.captions(clip) for clip in clips] for name, clips in splits.items()}
    words = {name: [float(len(text.split())) for some in found for text in some] for name, found in texts.items()}
    plots = [histogram(seconds, "lengths, share of clips", "seconds")]
    if any(words.values()):
        told = {name: counts for name, counts in words.items() if counts}
        plots.append(histogram(told, "captions, share of captions", "words"))
        counts = {name: [float(len(some)) for some in found] for name, found in texts.items()}
        plots.append(histogram(counts, "captions of a clip, share of clips", "captions"))
    return plots


def _attributes(store: MotionStore) -> list[str]:
    counts: dict[str, Counter[str]] = {}
    for clip in range(len(store)):
        for key, value in store.attributes(clip).items():
            if isinstance(value, str):
                counts.setdefault(key, Counter())[value] += 1
    parts = []
    for key, values in counts.items():
        if len(values) > len(store) / 2:
            continue  # a name of each clip's own
        rows = [[value, str(count)] for value, count in values.most_common(VALUES)]
        if len(values) > VALUES:
            rows.append(
                [f"and {len(values) - VALUES} rarer values", str(values.total() - sum(int(r[1]) for r in rows))]
            )
        parts += [f"<h3>Attribute {html.escape(key)}</h3>", table_of([[key, "clips"], *rows])]
    return parts


def _motion(store: MotionStore, features: np.ndarray[Any, np.dtype[np.float32]]) -> Motion:
    facts = store.facts
    shown = torch.from_numpy(np.array(features[: round(SECONDS * facts.fps)]))
    return get_layout(facts.layout).to_motion(shown, facts.skeleton, facts.fps)


def _samples(store: MotionStore, chosen: list[int]) -> str:
    motions = [_motion(store, store.clip(clip)) for clip in chosen]
    titles = [f"{store.ids[clip]}, {store.split(clip)}" for clip in chosen]
    return viewer_frame(motions, [store.caption(clip) for clip in chosen], titles, "Samples")


def _augmented(store: MotionStore, clip: int, generator: torch.Generator) -> str:
    """Return the viewer with a clip, its mirror image, a crop, and two changes of speed, as training draws them."""
    features = store.clip(clip)[: round(SECONDS * store.facts.fps)]
    frames = max(1, round(CROP * len(features)))
    start = int(torch.rand((), generator=generator) * (len(features) - frames + 1))
    change = SpeedChange(store.facts, SPEED, 1, 2 * len(features))
    draws = torch.rand(2, generator=generator, dtype=torch.float64)
    slow, fast = (change.factor(0.5 * side + 0.5 * draw, len(features)) for side, draw in enumerate(draws.tolist()))
    original = _motion(store, features)
    shown = {
        "as it is": original,
        "mirrored": original.mirrored(),
        f"frames {start} to {start + frames - 1} of {len(features)}": _motion(store, features[start : start + frames]),
        f"{slow:.2f} times as fast": _motion(store, change(features, slow)),
        f"{fast:.2f} times as fast": _motion(store, change(features, fast)),
    }
    return viewer_frame(list(shown.values()), [store.caption(clip)] * len(shown), list(shown), "Augmentations")


def _about_augmentations() -> str:
    return (
        "All are optional. Mirrored copies of training clips are made with the store (<code>--mirror</code>, left and"
        " right exchanged in captions). Crops (<code>max_frames</code>) and changes of speed (<code>speed</code>, here"
        f" {SPEED:g}) are drawn anew in every epoch, from the run's seed."
    )

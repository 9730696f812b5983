"""What is wrong with a clip or with a store: every finding has a reason and is reported, none is dropped silently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from scalemogen.data_modules.store import MotionStore, Quarantined, SplitDigest
from scalemogen.errors import UserError


def features_fault(features: NDArray[np.float32], width: int) -> tuple[str, str] | None:
    """Return (reason, detail) why features (T, F) cannot be used, or None.

    Args:
        features: of one clip.
        width: the F that the store's layout gives.
    """
    if features.ndim != 2 or features.shape[1] != width:
        return "wrong width", f"features of shape {features.shape}, the layout gives (frames, {width})"
    if not len(features):
        return "no frames", "the clip is empty"
    bad = ~np.isfinite(features)
    if bad.any():
        frame, channel = np.argwhere(bad)[0]
        reason = "NaN" if np.isnan(features[frame, channel]) else "infinite value"
        return reason, f"{int(bad.sum())} values, first in frame {frame}, channel {channel}"
    return None


@dataclass(frozen=True)
class StoreCheck:
    """Result of `check_store`.

    Attributes:
        clips: clips looked at.
        faults: what is wrong inside the store.
        quarantined: what was left out when it was built.
    """

    clips: int
    faults: list[Quarantined]
    quarantined: list[Quarantined]

    @property
    def clean(self) -> bool:
        """True if there is nothing to report."""
        return not self.faults and not self.quarantined


def check_store(store: MotionStore, progress: bool = False) -> StoreCheck:
    """Read a whole store and list what is wrong with it.

    Looked for: NaN, infinite values, wrong widths, empty clips, features that cannot be read, empty captions, duplicate
    identifiers, unknown splits, unusable statistics, and splits whose content is not what their digest says.

    Args:
        store: an opened store.
        progress: show a bar.
    """
    faults: list[Quarantined] = []
    digests = {name: SplitDigest() for name in store.split_names}
    seen: set[str] = set()
    for index in tqdm(range(len(store)), "checking", unit="clip", disable=not progress):
        clip = store.ids[index]
        try:
            features = store.clip(index)
        except UserError as error:
            faults.append(Quarantined(clip, "unreadable features", str(error)))
            features = np.empty((0, store.width), np.float32)
        else:
            if fault := features_fault(features, store.width):
                faults.append(Quarantined(clip, *fault))
        faults += _clip_faults(store, index, clip, seen)
        seen.add(clip)
        if store.split_codes[index] < len(store.split_names):
            digests[store.split(index)].update(clip, features, store.captions(index), store.raw_attributes(index))
    for name, digest in digests.items():
        if digest.result() != store.facts.digests.get(name):
            detail = f"{digest.result()} now, {store.facts.digests.get(name)} when built"
            faults.append(Quarantined(f"split {name}", "changed content", detail))
    faults += _statistics_faults(store)
    return StoreCheck(len(store), faults, store.quarantine)


def _clip_faults(store: MotionStore, index: int, clip: str, seen: set[str]) -> Sequence[Quarantined]:
    found = []
    if any(not caption.strip() for caption in store.captions(index)):
        found.append(Quarantined(clip, "empty caption"))
    if clip in seen:
        found.append(Quarantined(clip, "duplicate id"))
    if store.split_codes[index] >= len(store.split_names):
        found.append(Quarantined(clip, "unknown split", f"code {store.split_codes[index]}"))
    return found


def _statistics_faults(store: MotionStore) -> list[Quarantined]:
    mean, std = store.facts.mean, store.facts.std
    if mean.isfinite().all() and std.isfinite().all() and bool((std > 0).all()):
        return []
    return [Quarantined("statistics", "unusable mean or std", "not finite, or a std of zero")]

"""Writing a motion store clip by clip; what cannot be used is set aside with a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scalemogen.contracts import DataFacts
from scalemogen.data_modules.checks import features_fault
from scalemogen.data_modules.columns import ColumnWriter, TextWriter
from scalemogen.data_modules.statistics import Moments
from scalemogen.data_modules.store import (
    DESCRIPTION,
    FORMAT,
    QUARANTINE,
    Origin,
    Quarantined,
    SplitDigest,
    write_quarantine,
)
from scalemogen.errors import UserError
from scalemogen.files import work_folder
from scalemogen.motion import Normaliser, get_layout
from scalemogen.skeletons import Skeleton

TRAIN = "train"
"""The split that statistics are computed on."""


class StoreWriter:
    """Context manager that writes a store into a temporary folder and renames it when complete.

        with StoreWriter(path, skeleton=..., layout="humanml3d", fps=20, origin=..., provenance=...) as writer:
            writer.add("clip", features, ["a person walks."], "train", {"action": "walk"})

    Memory use does not grow with the features: only identifiers stay in memory.

    Args:
        path: folder of the store; replaced if it exists.
        skeleton: the joint tree.
        layout: feature layout name.
        fps: frames per second.
        origin: name, licence and citation of the data.
        provenance: plain values that say how the store was made.
        normaliser: mean and deviation to store in place of those of the training split.

    Attributes:
        quarantined: what was set aside so far.
        provenance: as given; what is only known at the end may be added until then.

    Raises:
        UserError: (on entering) something other than a store is at the path; (on leaving) nothing could be used, no
            clip is in the train split, or the disk is full.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        skeleton: Skeleton,
        layout: str,
        fps: float,
        origin: Origin,
        provenance: Mapping[str, Any],
        normaliser: Normaliser | None = None,
    ) -> None:
        self.path = Path(path)
        self.quarantined: list[Quarantined] = []
        self.provenance: dict[str, Any] = dict(provenance)
        self._skeleton, self._layout, self._fps = skeleton, layout, fps
        self._origin, self._normaliser = origin, normaliser
        self._width = get_layout(layout).width(skeleton)
        self._moments = Moments(self._width)
        self._digests: dict[str, SplitDigest] = {}
        self._split_of: dict[str, str] = {}
        self._stack = ExitStack()

    def __enter__(self) -> StoreWriter:
        require_replaceable(self.path)
        with ExitStack() as stack:
            self._folder = stack.enter_context(work_folder(self.path))
            self._features = ColumnWriter(self._folder / "features.npy", np.float32, (self._width,))
            self._starts = ColumnWriter(self._folder / "starts.npy", np.int64)
            self._lengths = ColumnWriter(self._folder / "lengths.npy", np.int64)
            self._splits = ColumnWriter(self._folder / "splits.npy", np.uint8)
            self._caption_ends = ColumnWriter(self._folder / "caption_ends.npy", np.int64)
            self._ids = TextWriter(self._folder, "ids")
            self._captions = TextWriter(self._folder, "captions")
            self._attributes = TextWriter(self._folder, "attributes")
            self._caption_count = 0
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The folder's context manager goes last: it sees errors of finishing too, and then removes everything.
        with self._stack:
            self._stack.callback(self._close)
            if error is not None:
                raise error
            self._finish()

    def quarantine(self, clip: str, reason: str, detail: str = "") -> None:
        """Record that something was left out."""
        self.quarantined.append(Quarantined(clip, reason, detail))

    def add(
        self,
        clip: str,
        features: NDArray[np.float32],
        captions: Sequence[str],
        split: str,
        attributes: Mapping[str, Any] | None = None,
    ) -> bool:
        """Append a clip, or set it aside with a reason.

        Args:
            clip: identifier, unique in the store.
            features: (T, F), not normalised.
            captions: any number; blank ones are set aside. A clip whose captions are all blank is set aside too.
            split: name of its split.
            attributes: plain JSON values.

        Returns:
            True if the clip was added.
        """
        if fault := self._fault(clip, features, captions, split):
            self.quarantine(clip, *fault)
            return False
        kept = [caption for caption in captions if caption.strip()]
        if len(kept) < len(captions):
            self.quarantine(clip, "empty caption", f"{len(captions) - len(kept)} of {len(captions)}; the clip is kept")
        self._append(clip, features, kept, split, json.dumps(dict(attributes or {}), ensure_ascii=False))
        return True

    def _fault(
        self, clip: str, features: NDArray[np.float32], captions: Sequence[str], split: str
    ) -> tuple[str, str] | None:
        if not clip.strip():
            return "no id", ""
        if not split.strip():
            return "no split", ""
        if clip in self._split_of:
            if self._split_of[clip] != split:
                return "in two splits", f"{self._split_of[clip]} (kept) and {split}"
            return "duplicate id", f"in split {split}; the first one is kept"
        if captions and not any(caption.strip() for caption in captions):
            return "empty caption", "the clip has no other"
        return features_fault(features, self._width)

    def _append(
        self, clip: str, features: NDArray[np.float32], captions: list[str], split: str, attributes: str
    ) -> None:
        features = np.ascontiguousarray(features, np.float32)
        self._split_of[clip] = split
        digest = self._digests.setdefault(split, SplitDigest())
        digest.update(clip, features, captions, attributes)
        if split == TRAIN:
            self._moments.update(features)
        self._starts.append(np.array([self._features.rows]))
        self._features.append(features)
        self._lengths.append(np.array([len(features)]))
        self._splits.append(np.array([list(self._digests).index(split)]))
        for caption in captions:
            self._captions.append(caption)
        self._caption_count += len(captions)
        self._caption_ends.append(np.array([self._caption_count]))
        self._ids.append(clip)
        self._attributes.append(attributes)

    def _close(self) -> None:
        columns = (self._features, self._starts, self._lengths, self._splits, self._caption_ends)
        for column in (*columns, self._ids, self._captions, self._attributes):
            column.close()

    def _finish(self) -> None:
        first = f"; the first of {len(self.quarantined)} faults: {self.quarantined[0]}" if self.quarantined else ""
        if not self._split_of:
            raise UserError(f"{self.path}: no clip can be used{first}")
        if TRAIN not in self._digests:
            there = ", ".join(self._digests)
            raise UserError(f"{self.path}: no clip is in the split {TRAIN!r}; there are {there}{first}")
        normaliser = self._normaliser or self._moments.normaliser(get_layout(self._layout), self._skeleton)
        facts = DataFacts(
            name=self._origin.name,
            skeleton=self._skeleton,
            layout=self._layout,
            fps=float(self._fps),
            mean=normaliser.mean,
            std=normaliser.std,
            licence=self._origin.licence,
            citation=self._origin.citation,
            digests={split: digest.result() for split, digest in self._digests.items()},
        )
        description = {
            "format": FORMAT,
            "clips": len(self._split_of),
            "frames": self._features.rows,
            "splits": list(self._digests),
            "facts": facts.to_dict(),
            "provenance": self.provenance,
        }
        self._close()
        write_quarantine(self._folder / QUARANTINE, self.quarantined)
        (self._folder / DESCRIPTION).write_text(json.dumps(description, indent=1, ensure_ascii=False), "utf-8")


def require_replaceable(path: Path) -> None:
    """Raise unless there is nothing at a path, an empty folder or a store.

    Raises:
        UserError: something else is there.
    """
    empty = path.is_dir() and not any(path.iterdir())
    if path.exists() and not ((path / DESCRIPTION).is_file() or empty):
        raise UserError(f"{path} is there and is no motion store: it is not replaced; give another folder")

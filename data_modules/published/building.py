"""A published data set becomes a store."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tqdm import tqdm

from scalemogen.data_modules.published.form import PublishedSet
from scalemogen.data_modules.store import MotionStore, Origin
from scalemogen.data_modules.writer import StoreWriter
from scalemogen.skeletons import get_skeleton

Statistics = Literal["computed", "published"]


def build_published(
    path: str | Path,
    source: PublishedSet,
    *,
    statistics: Statistics = "computed",
    origin: Origin | None = None,
    progress: bool = True,
) -> MotionStore:
    """Build a store from a published data set. One clip at a time is in memory.

    Args:
        path: folder of the store; replaced if it exists.
        source: its reader.
        statistics: "computed" takes mean and deviation from the training split, "published" the data set's own.
        origin: name, licence and citation, where they are not the data set's.
        progress: show a bar.

    Raises:
        UserError: nothing can be used, or the published statistics cannot be read.
    """
    form = source.form
    names, faults = source.splits()
    with StoreWriter(
        path,
        skeleton=get_skeleton(form.skeleton),
        layout=form.layout,
        fps=form.fps,
        origin=origin or form.origin,
        provenance={
            "source": form.name,
            "options": {"statistics": statistics},
            "files": {"name": source.source.name, "count": len(names), "digest": source.digest},
            "protocol": form.protocol,
        },
        normaliser=source.normaliser() if statistics == "published" else None,
    ) as writer:
        for fault in faults:
            writer.quarantine(fault.clip, fault.reason, fault.detail)
        clips = source.read(names, writer.quarantine)
        for found in tqdm(clips, f"reading {form.name}", total=len(names), unit="clip", disable=not progress):
            for entry, features in found:
                writer.add(entry.clip, features, entry.captions, entry.split, entry.attributes)
        writer.provenance["left_out"] = dict(source.left_out)
    return MotionStore.open(path)

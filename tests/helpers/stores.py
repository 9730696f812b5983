"""Tiny motions, BVH files and stores for tests."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from scalemogen.data_modules import MotionStore, Origin, StoreWriter
from scalemogen.motion import get_layout
from scalemogen.skeletons import Skeleton, get_skeleton

ORIGIN = Origin("tiny", "CC0", "Nobody, 2026")
WIDTH = 263


def random_features(frames: int, seed: int, width: int = WIDTH) -> NDArray[np.float32]:
    """Return features (frames, width) of noise."""
    return torch.randn(frames, width, generator=torch.Generator().manual_seed(seed)).numpy()


def write_store(
    path: Path, lengths: Mapping[str, Sequence[int]], captions: int = 3, skeleton: str = "humanml3d"
) -> MotionStore:
    """Write a store of noise with clips of the given lengths in each split, named "SPLIT-NUMBER"."""
    tree = get_skeleton(skeleton)
    width = get_layout("humanml3d").width(tree)
    with StoreWriter(path, skeleton=tree, layout="humanml3d", fps=20, origin=ORIGIN, provenance={}) as writer:
        for split, frames in lengths.items():
            for number, length in enumerate(frames):
                texts = [f"{split} {number} caption {i}" for i in range(captions)]
                clip = f"{split}-{number}"
                assert writer.add(
                    clip,
                    random_features(length, number, width),
                    texts,
                    split,
                    {"number": number, "kind": "rare" if number == 0 else "common"},
                )
    return MotionStore.open(path)


def bvh_text(skeleton: Skeleton, frames: int, seed: int, fps: float = 30.0) -> str:
    """Return a BVH file in centimetres: the skeleton's tree, random small angles, a travelling root."""
    lines = ["HIERARCHY"]
    channels = 0

    def joint(index: int, depth: int) -> None:
        nonlocal channels
        pad = "\t" * depth
        offset = " ".join(f"{100 * value:.6f}" for value in skeleton.offsets[index])
        own = "6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"
        turns = own if index == 0 else "3 Zrotation Xrotation Yrotation"
        channels += int(turns[0])
        lines.append(f"{pad}{'JOINT' if depth else 'ROOT'} {skeleton.joints[index]}")
        lines.extend((f"{pad}{{", f"{pad}\tOFFSET {offset}", f"{pad}\tCHANNELS {turns}"))
        children = [child for child, parent in enumerate(skeleton.parents) if parent == index]
        for child in children:
            joint(child, depth + 1)
        if not children:
            lines.extend((f"{pad}\tEnd Site", f"{pad}\t{{", f"{pad}\t\tOFFSET 0 1 0", f"{pad}\t}}"))
        lines.append(f"{pad}}}")

    joint(0, 0)
    generator = torch.Generator().manual_seed(seed)
    sway = 10 * torch.rand(channels, generator=generator) * torch.sin(torch.arange(frames)[:, None] / fps)
    sway[:, :3] = torch.stack((torch.arange(frames) * 1.0, torch.full((frames,), 90.0), torch.zeros(frames)), dim=-1)
    lines += ["MOTION", f"Frames: {frames}", f"Frame Time: {1 / fps:.7f}"]
    lines += [" ".join(f"{value:.5f}" for value in row) for row in sway.tolist()]
    return "\n".join(lines) + "\n"


def write_table(path: Path, rows: Sequence[Sequence[str]], columns: str = "clip,file,split,caption,style") -> Path:
    """Write a captions table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns.split(","), *rows])
    return path


def write_takes(folder: Path, clips: int = 4, skeleton: str = "humanml3d") -> tuple[Path, Path]:
    """Write BVH files take0, take1, ... of 40 + 3 i frames at 30 fps and their captions table; return both paths."""
    takes = folder / "takes"
    takes.mkdir(parents=True)
    rows = []
    for i in range(clips):
        (takes / f"take{i}.bvh").write_text(bvh_text(get_skeleton(skeleton), 40 + 3 * i, i))
        split = "val" if i == clips - 1 else "train"
        rows += [(f"clip{i}", f"take{i}.bvh", split, text, "calm") for text in ("Left foot first.", f"take {i}")]
    return takes, write_table(folder / "captions.csv", rows)


def zip_folder(folder: Path) -> Path:
    """Pack a folder into an archive beside it."""
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.iterdir()):
            file.write(path, f"inner/{path.name}")
    return archive

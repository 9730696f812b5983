"""Miniature data sets in the exact form in which HumanML3D, KIT-ML and SnapMoGen are published."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from helpers.stores import bvh_text, random_features
from scalemogen.skeletons import get_skeleton

WALK = "a person walks forward.#a/DET person/NOUN walk/VERB forward/ADV#0.0#0.0"
RUN = "someone runs.#someone/PRON run/VERB#0.0#0.0"
WIDTHS = {"humanml3d": 263, "kit": 251, "snapmogen": 296}


def write_lists(folder: Path, lists: Mapping[str, Sequence[str]], ending: str = ".txt") -> None:
    """Write one list of names a split."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, names in lists.items():
        (folder / f"{split}{ending}").write_text("".join(f"{name}\n" for name in names))


def write_humanml3d(
    folder: Path, lengths: Mapping[str, int], texts: Mapping[str, Sequence[str]] | None = None, name: str = "humanml3d"
) -> Path:
    """Write clips of the given frames; the last is for test, the one before for val, the others for training.

    Args:
        folder: made anew.
        lengths: frames of each clip.
        texts: lines of a clip's text, where they are not two plain captions.
        name: "humanml3d" or "kit".
    """
    vectors, captions = folder / "new_joint_vecs", folder / "texts"
    vectors.mkdir(parents=True)
    captions.mkdir()
    for seed, (clip, frames) in enumerate(lengths.items()):
        np.save(vectors / f"{clip}.npy", random_features(frames, seed, WIDTHS[name]))
        (captions / f"{clip}.txt").write_text("".join(f"{line}\n" for line in (texts or {}).get(clip, (WALK, RUN))))
    names = list(lengths)
    lists = {"train": names[:-2], "val": names[-2:-1], "test": names[-1:], "train_val": names[:-1], "all": names}
    write_lists(folder, lists)
    np.save(folder / "Mean.npy", np.full(WIDTHS[name], 0.5, np.float32))
    np.save(folder / "Std.npy", np.full(WIDTHS[name], 2.0, np.float32))
    return folder


def snapmogen_captions(clip: str) -> dict[str, list[str]]:
    """Return two captions by people and four rewritten ones."""
    return {"manual": [f"{clip} by hand {i}" for i in range(2)], "gpt": [f"{clip} rewritten {i}" for i in range(4)]}


def write_snapmogen(folder: Path, clips: Mapping[str, Sequence[str]], frames: int = 300) -> Path:
    """Write the sequences that the clips of every split ("gp_00171#0#140") are cut from, each of `frames` frames."""
    features, meta = folder / "renamed_feats", folder / "meta_data"
    features.mkdir(parents=True)
    meta.mkdir()
    names = [clip for split in clips.values() for clip in split]
    for seed, sequence in enumerate(dict.fromkeys(clip.split("#")[0] for clip in names)):
        # Published in centimetres and double precision.
        np.save(features / f"{sequence}.npy", 100.0 * random_features(frames, seed, 296).astype(np.float64))
    captions = {clip: snapmogen_captions(clip) for clip in names}
    (folder / "all_caption_clean.json").write_text(json.dumps(captions))
    write_lists(folder / "data_split_info", clips, "_ids.txt")
    sequences = {split: list(dict.fromkeys(clip.split("#")[0] for clip in found)) for split, found in clips.items()}
    write_lists(folder / "data_split_info", sequences, "_fnames.txt")
    np.save(meta / "mean.npy", np.full(296, 50.0))
    np.save(meta / "std.npy", np.full(296, 200.0))
    template = folder / "renamed_bvhs" / "m_ep2_00086.bvh"
    template.parent.mkdir()
    template.write_text(bvh_text(get_skeleton("snapmogen"), 3, 0))
    return folder

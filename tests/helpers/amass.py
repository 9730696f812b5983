"""Miniature AMASS: body models of a few vertices, takes of noise, an index, texts; and kinematics in plain numpy."""

from __future__ import annotations

import csv
import io
import pickle
import struct
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray

from helpers.published import RUN, WALK, write_lists
from scalemogen.skeletons import get_skeleton

VERTICES = 31
HANDS = (
    20,
    22,
    23,
    20,
    25,
    26,
    20,
    28,
    29,
    20,
    31,
    32,
    20,
    34,
    35,
    21,
    37,
    38,
    21,
    40,
    41,
    21,
    43,
    44,
    21,
    46,
    47,
    21,
    49,
    50,
)
PARENTS = (*get_skeleton("humanml3d").parents, *HANDS)

Arrays = dict[str, NDArray[Any]]


def body_arrays(seed: int, betas: int = 16) -> Arrays:
    """Return what a model file holds, with a mesh of noise."""
    noise = np.random.default_rng(seed)
    tree = np.array([PARENTS, range(52)]).astype(np.uint32)
    return {
        "kintree_table": tree,
        "v_template": noise.normal(size=(VERTICES, 3)),
        "shapedirs": 0.1 * noise.normal(size=(VERTICES, 3, betas)),
        "J_regressor": noise.random((52, VERTICES)) * (noise.random((52, VERTICES)) < 0.2),
        "weights": np.ones((VERTICES, 52)) / 52,
    }


def write_bodies(folder: Path) -> Path:
    """Write both models as official .npz files."""
    for seed, gender in enumerate(("male", "female")):
        (folder / gender).mkdir(parents=True)
        np.savez(folder / gender / "model.npz", **body_arrays(seed))  # type: ignore[arg-type]
    return folder


class _Python2(pickle._Pickler):
    """Writes bytes as Python 2 wrote its strings."""

    dispatch: ClassVar[Any] = dict(pickle._Pickler.dispatch)

    def save_bytes(self, value: bytes) -> None:
        self.write(pickle.BINSTRING + struct.pack("<i", len(value)) + value)
        self.memoize(value)

    dispatch[bytes] = save_bytes


def body_pickle(arrays: Arrays, monkeypatch: pytest.MonkeyPatch, protocol: int) -> bytes:
    """Return a model as an official pickle: a sparse matrix, shapes by way of chumpy, for protocol 2 from Python 2."""
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    for name, kind in (("chumpy.ch", "Ch"), ("chumpy.reordering", "Select")):
        module = types.ModuleType(name)
        setattr(module, kind, type(kind, (), {"__module__": name}))
        monkeypatch.setitem(sys.modules, name, module)
    value, select = sys.modules["chumpy.ch"].Ch(), sys.modules["chumpy.reordering"].Select()
    shapes = arrays["shapedirs"]
    value.__dict__ |= {"x": np.concatenate((shapes, shapes), axis=2), "_dirty_vars": set()}
    places = np.arange(value.x.size).reshape(value.x.shape)[..., : shapes.shape[2]].ravel()
    select.__dict__ |= {"a": value, "idxs": places, "preferred_shape": shapes.shape}
    content = {
        **arrays,
        "v_template": np.asfortranarray(arrays["v_template"]),
        "shapedirs": select,
        "J_regressor": scipy.sparse.csc_matrix(arrays["J_regressor"]),
        "bs_type": "lrotmin",
        "scale": np.float64(2.5),
    }
    if protocol != 2:
        return pickle.dumps(content, protocol)
    file = io.BytesIO()
    _Python2(file, 2).dump(content)
    found = file.getvalue().replace(b"numpy._core", b"numpy.core")
    return found.replace(b"scipy.sparse._csc", b"scipy.sparse.csc")


def take_arrays(frames: int, seed: int, gender: Any = "male", rate: float = 120.0) -> Arrays:
    """Return what a file of AMASS holds: small turns that change slowly."""
    noise = np.random.default_rng(seed)
    at = np.arange(frames)[:, None] / rate
    return {
        "poses": 0.3 * np.sin(noise.normal(size=156) * at * 3 + noise.normal(size=156)),
        "trans": np.cumsum(0.01 * noise.normal(size=(frames, 3)), axis=0),
        "betas": noise.normal(size=16),
        "dmpls": np.zeros((frames, 8)),
        "gender": np.array(gender),
        "mocap_framerate": np.array(rate),
    }


def write_take(path: Path, arrays: Arrays) -> Path:
    """Write a file of AMASS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def write_index(path: Path, rows: Mapping[str, tuple[str, int, int]]) -> Path:
    """Write (source, start, end) of each clip."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("source_path", "start_frame", "end_frame", "new_name"))
        writer.writerows(
            (f"./pose_data/{source}", start, end, f"{clip}.npy") for clip, (source, start, end) in rows.items()
        )
    return path


def write_texts(folder: Path, lists: Mapping[str, Sequence[str]]) -> Path:
    """Write lists, and two captions for each of their clips."""
    write_lists(folder, lists)
    (folder / "texts").mkdir()
    for clip in (clip for names in lists.values() for clip in names):
        (folder / "texts" / f"{clip}.txt").write_text(f"{WALK}\n{RUN}\n")
    return folder


def slow_joints(body: Arrays, take: Arrays) -> NDArray[np.float64]:
    """Return all 52 joints (T, 52, 3) in the axes of AMASS, joint by joint: mesh, regressor, chained matrices."""
    mesh = body["v_template"] + sum(body["shapedirs"][:, :, i] * take["betas"][i] for i in range(10))
    rest = body["J_regressor"] @ mesh
    found = np.zeros((len(take["poses"]), 52, 3))
    for frame, (pose, trans) in enumerate(zip(take["poses"].reshape(-1, 52, 3), take["trans"], strict=True)):
        turns: list[NDArray[np.float64]] = []
        for joint, parent in enumerate(PARENTS):
            own = rodrigues(pose[joint])
            turns.append(own if parent < 0 else turns[parent] @ own)
            if parent < 0:
                found[frame, joint] = rest[joint] + trans
            else:
                found[frame, joint] = found[frame, parent] + turns[parent] @ (rest[joint] - rest[parent])
    return found


def rodrigues(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix (3, 3) of a rotation vector (3,)."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector / angle if angle else vector
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    found: NDArray[np.float64] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return found

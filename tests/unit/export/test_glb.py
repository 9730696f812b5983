"""GLB: read by hand from the bytes and skinned with matrices; and Khronos' own validator, where it is installed.

For the validator: `npm i gltf-validator` in any folder, and NODE_PATH set to its node_modules.
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.motions import make_motion
from scalemogen.export.figure import COLOURS, LEFT, RIGHT
from scalemogen.export.glb import write_glb
from scalemogen.motion import Motion

TENTH_OF_A_MILLIMETRE = 1e-4
TYPES = {5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
CASES = [("humanml3d", 23), ("kit", 5), ("snapmogen", 23), ("bandai_namco", 7), ("humanml3d", 1), ("kit", 2000)]

VALIDATE = """
const validator = require("gltf-validator"), fs = require("fs");
const bytes = new Uint8Array(fs.readFileSync(process.argv[1]));
validator.validateBytes(bytes).then((report) => console.log(JSON.stringify(report.issues)));
"""


class Glb:
    """A file taken apart by the letter of the format."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert (size % 4, kind) == (0, b"JSON")
        self.tree: dict[str, Any] = json.loads(data[20 : 20 + size])
        rest, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert (rest % 4, kind) == (0, b"BIN\0")
        self.buffer = data[28 + size :]
        assert len(self.buffer) == rest == self.tree["buffers"][0]["byteLength"]

    def array(self, number: int) -> np.ndarray:
        accessor = self.tree["accessors"][number]
        view = self.tree["bufferViews"][accessor["bufferView"]]
        assert "byteStride" not in view
        width = WIDTHS[accessor["type"]]
        start = view["byteOffset"]
        values = np.frombuffer(self.buffer[start : start + view["byteLength"]], TYPES[accessor["componentType"]])
        return values.reshape(accessor["count"], width)

    def attribute(self, name: str) -> np.ndarray:
        return self.array(self.tree["meshes"][0]["primitives"][0]["attributes"][name])

    def world(self, frame: int | None) -> np.ndarray:
        """Matrices (J, 4, 4) of the joints at a key, or without the animation."""
        nodes = self.tree["nodes"]
        turns = {index: node.get("rotation", [0, 0, 0, 1]) for index, node in enumerate(nodes)}
        shifts = {index: node.get("translation", [0, 0, 0]) for index, node in enumerate(nodes)}
        animation = self.tree["animations"][0]
        for channel in animation["channels"] if frame is not None else []:
            keys = self.array(animation["samplers"][channel["sampler"]]["output"])
            target = {"rotation": turns, "translation": shifts}[channel["target"]["path"]]
            target[channel["target"]["node"]] = keys[frame].tolist()
        found: dict[int, np.ndarray] = {}
        pending = [(self.tree["scenes"][0]["nodes"][0], np.eye(4))]
        while pending:
            index, above = pending.pop()
            found[index] = above @ matrix(turns[index], shifts[index])
            pending += [(child, found[index]) for child in nodes[index].get("children", [])]
        return np.stack([found[joint] for joint in self.tree["skins"][0]["joints"]])

    def skinned(self, frame: int | None) -> np.ndarray:
        """Vertices (V, 3) at a key."""
        inverse = self.array(self.tree["skins"][0]["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        skinning = self.world(frame) @ inverse
        points = np.concatenate([self.attribute("POSITION"), np.ones((len(self.attribute("POSITION")), 1))], axis=1)
        moved = np.einsum("vnij,vj->vni", skinning[self.attribute("JOINTS_0")], points)
        return np.einsum("vn,vni->vi", self.attribute("WEIGHTS_0"), moved)[:, :3]


def matrix(turn: list[float], shift: list[float]) -> np.ndarray:
    x, y, z, w = turn
    square = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), shift[0]],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), shift[1]],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), shift[2]],
        [0, 0, 0, 1],
    ]
    return np.array(square)


@pytest.mark.parametrize(("name", "frames"), CASES)
def test_joints_stand_where_they_should(name: str, frames: int, tmp_path: Path) -> None:
    motion = make_motion(name, frames=frames)
    write_glb(motion, tmp_path / "a.glb")
    file = Glb(tmp_path / "a.glb")
    assert [node["name"] for node in file.tree["nodes"][:-1]] == list(motion.skeleton.joints)
    times = file.array(file.tree["animations"][0]["samplers"][0]["input"])[:, 0]
    np.testing.assert_allclose(times, np.arange(frames) / motion.fps, atol=1e-4)
    for frame in {0, frames // 2, frames - 1}:
        places = file.world(frame)[:, :3, 3]
        np.testing.assert_allclose(places, motion.positions[frame], atol=TENTH_OF_A_MILLIMETRE)


def test_the_skin_follows_the_bones(motion: Motion, tmp_path: Path) -> None:
    """Every vertex keeps its distance to the two ends of its bone, in the rest pose as in any frame."""
    motion.save(tmp_path / "a.glb")
    file = Glb(tmp_path / "a.glb")
    rest = file.skinned(None)
    np.testing.assert_allclose(rest, file.attribute("POSITION"), atol=1e-6)
    movers = file.attribute("JOINTS_0")[:, 0]
    for frame in (0, 11, 22):
        moved, joints, still = file.skinned(frame), file.world(frame)[:, :3, 3], file.world(None)[:, :3, 3]
        near = np.linalg.norm(moved - joints[movers], axis=1)
        np.testing.assert_allclose(near, np.linalg.norm(rest - still[movers], axis=1), atol=1e-5)
        to_joints = np.linalg.norm(moved[:, None] - motion.positions[frame].numpy(), axis=-1)
        assert (to_joints.min(axis=0) < 0.08).all(), "a joint without skin around it"


def test_the_mesh_is_sound(motion: Motion, tmp_path: Path) -> None:
    motion.save(tmp_path / "a.glb")
    file = Glb(tmp_path / "a.glb")
    primitive = file.tree["meshes"][0]["primitives"][0]
    corners = file.attribute("POSITION")[file.array(primitive["indices"]).reshape(-1, 3)]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = file.attribute("NORMAL")[file.array(primitive["indices"]).reshape(-1, 3)].mean(axis=1)
    assert (np.linalg.norm(faces, axis=1) > 0).all(), "a triangle without area"
    assert ((faces * normals).sum(axis=1) > 0).all(), "a triangle that faces inwards"
    assert file.attribute("POSITION")[:, 1].min() == pytest.approx(0, abs=0.07)


def test_left_is_blue_and_right_is_red(motion: Motion, tmp_path: Path) -> None:
    motion.save(tmp_path / "a.glb")
    file = Glb(tmp_path / "a.glb")
    linear = file.attribute("COLOR_0")[:, :3]
    shown = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    points = file.attribute("POSITION")
    for side, sign in ((LEFT, 1.0), (RIGHT, -1.0)):
        found = np.abs(shown - COLOURS[side]).max(axis=1) < 2
        assert found.sum() > 100
        assert (sign * points[found, 0] > -0.05).all()  # collars begin in the middle
    assert len(np.unique(shown.round(), axis=0)) == len(motion.skeleton.parts)


def test_keys_turn_the_short_way(tmp_path: Path) -> None:
    motion = make_motion(frames=101)
    signs = torch.ones(101, 22, 1)
    signs[::3] = -1
    write_glb(Motion(motion.skeleton, motion.positions, motion.rotations * signs, motion.fps), tmp_path / "a.glb")
    file = Glb(tmp_path / "a.glb")
    for sampler in file.tree["animations"][0]["samplers"][1:]:
        keys = file.array(sampler["output"])
        assert ((keys[1:] * keys[:-1]).sum(axis=1) > 0).all()
        np.testing.assert_allclose(np.linalg.norm(keys, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(("name", "frames"), CASES)
def test_khronos_validator_finds_nothing(name: str, frames: int, tmp_path: Path) -> None:
    node = shutil.which("node")
    present = node and subprocess.run([node, "-e", "require('gltf-validator')"], capture_output=True).returncode == 0
    if not (node and present):
        pytest.skip("no gltf-validator: `npm i gltf-validator`, and set NODE_PATH to its node_modules")
    make_motion(name, frames=frames).save(tmp_path / "a.glb")
    job = subprocess.run([node, "-e", VALIDATE, str(tmp_path / "a.glb")], capture_output=True, text=True, check=True)
    issues = json.loads(job.stdout)
    assert (issues["numErrors"], issues["numWarnings"], issues["messages"]) == (0, 0, [])

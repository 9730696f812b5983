"""GLB files (binary glTF 2.0): a skinned figure of capsules, animated. Written by the specification of Khronos.

Joints are nodes of the same names. Without the animation the figure stands in the rest pose (all rotations zero) with
its lowest joint on the floor; in that pose the mesh is bound. The animation turns every joint and moves the root.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from scalemogen.export.capsules import Mesh, capsule_figure
from scalemogen.export.figure import Array
from scalemogen.files import atomic_path
from scalemogen.motion.kinematics import forward_kinematics
from scalemogen.motion.record import Motion

MAGIC, VERSION = 0x46546C67, 2
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
BYTE, SHORT, INT, FLOAT = 5121, 5123, 5125, 5126
"""Component types of accessors."""

COMPONENTS = {"uint8": BYTE, "uint16": SHORT, "uint32": INT, "float32": FLOAT}
KINDS = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
VERTICES, INDICES = 34962, 34963
"""What a view of the buffer is for."""


def write_glb(motion: Motion, path: Path) -> None:
    """Write a GLB file: Y up, metres, a key each frame at the motion's frame rate.

    Only root positions, rotations and bone offsets are stored: joint positions that do not follow from these are lost.

    Args:
        motion: what to write.
        path: of the file; appears when complete.

    Raises:
        UserError: the file cannot be written.
    """
    document, buffer = _document(motion)
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    chunks = b"".join(
        struct.pack("<II", len(body), kind) + body for kind, body in ((JSON_CHUNK, text), (BINARY_CHUNK, buffer))
    )
    with atomic_path(path) as temporary:
        temporary.write_bytes(struct.pack("<III", MAGIC, VERSION, 12 + len(chunks)) + chunks)


class _Buffer:
    """Collects arrays with the views and accessors that find them again."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, values: npt.NDArray[Any], target: int | None = None, *, limits: bool = False) -> int:
        """Append values (count,) or (count, width); returns the number of their accessor."""
        flat = values.reshape(len(values), -1)
        view = {"buffer": 0, "byteOffset": len(self.bytes), "byteLength": flat.nbytes}
        self.views.append(view if target is None else {**view, "target": target})
        self.bytes += flat.astype(flat.dtype.newbyteorder("<")).tobytes()
        self.bytes += b"\0" * (-len(self.bytes) % 4)
        accessor = {
            "bufferView": len(self.views) - 1,
            "componentType": COMPONENTS[flat.dtype.name],
            "count": len(flat),
            "type": KINDS[flat.shape[1]],
        }
        if limits:
            accessor |= {"min": flat.min(axis=0).tolist(), "max": flat.max(axis=0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _document(motion: Motion) -> tuple[dict[str, Any], bytes]:
    """Return the JSON part and the bytes it refers to."""
    skeleton, buffer = motion.skeleton, _Buffer()
    rest = _rest_positions(motion)
    joints = len(rest)
    binding = np.tile(np.eye(4, dtype=np.float32), (joints, 1, 1))
    binding[:, 3, :3] = -rest  # columns of the matrix come one after the other
    document = {
        "asset": {"version": "2.0", "generator": "scalemogen"},
        "scene": 0,
        "scenes": [{"nodes": [0, joints]}],
        "nodes": [*_joint_nodes(motion, rest), {"name": "body", "mesh": 0, "skin": 0}],
        "meshes": [{"name": "body", "primitives": [_primitive(capsule_figure(motion, rest), buffer)]}],
        "materials": [{"name": "body", "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.8}}],
        "skins": [
            {
                "name": skeleton.name,
                "skeleton": 0,
                "joints": list(range(joints)),
                "inverseBindMatrices": buffer.add(binding),
            }
        ],
        "animations": [_animation(motion, buffer)],
    }
    data = bytes(buffer.bytes)
    return document | {
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(data)}],
    }, data


def _rest_positions(motion: Motion) -> Array:
    """Return joints (J, 3) with all rotations zero, the lowest one on the floor."""
    bones = motion.bones.detach().double().cpu()
    still = bones.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(len(bones), 4)
    joints = np.asarray(forward_kinematics(still, torch.zeros_like(bones[0]), bones, motion.skeleton.parents))
    lifted: Array = joints - [0.0, joints[:, 1].min(), 0.0]
    return lifted


def _joint_nodes(motion: Motion, rest: Array) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = []
    parents = motion.skeleton.parents
    for joint, (name, parent) in enumerate(zip(motion.skeleton.joints, parents, strict=True)):
        offset = rest[joint] - (rest[parent] if joint else 0.0)
        node: dict[str, Any] = {"name": name, "translation": offset.tolist()}
        children = [child for child, above in enumerate(parents) if above == joint]
        nodes.append({**node, "children": children} if children else node)
    return nodes


def _primitive(mesh: Mesh, buffer: _Buffer) -> dict[str, Any]:
    count = len(mesh.points)
    movers = np.zeros((count, 4), dtype=np.uint16)
    movers[:, 0] = mesh.joints
    weights = np.zeros((count, 4), dtype=np.float32)
    weights[:, 0] = 1.0
    colours = np.ones((count, 4), dtype=np.float32)
    colours[:, :3] = _linear(mesh.colours)
    return {
        "attributes": {
            "POSITION": buffer.add(mesh.points.astype(np.float32), VERTICES, limits=True),
            "NORMAL": buffer.add(mesh.normals.astype(np.float32), VERTICES),
            "COLOR_0": buffer.add(colours, VERTICES),
            "JOINTS_0": buffer.add(movers, VERTICES),
            "WEIGHTS_0": buffer.add(weights, VERTICES),
        },
        "indices": buffer.add(mesh.triangles.reshape(-1), INDICES),
        "material": 0,
    }


def _linear(colours: npt.NDArray[np.uint8]) -> Array:
    """Turn sRGB of 0..255 into linear light of 0..1."""
    values = colours / 255.0
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _animation(motion: Motion, buffer: _Buffer) -> dict[str, Any]:
    """Return the keys: quaternions of neighbouring frames lie on the same side, so that players turn the short way."""
    raw = np.asarray(motion.rotations.detach().double().cpu())
    back = np.where((raw[1:] * raw[:-1]).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    signs = np.cumprod(np.concatenate([np.ones_like(raw[:1, :, :1]), back]), axis=0)
    turns = signs * raw / np.linalg.norm(raw, axis=-1, keepdims=True)
    times = buffer.add((np.arange(motion.frames) / motion.fps).astype(np.float32), limits=True)
    path = np.asarray(motion.root.detach().cpu(), dtype=np.float32)
    samplers = [{"input": times, "output": buffer.add(path), "interpolation": "LINEAR"}]
    channels: list[dict[str, Any]] = [{"sampler": 0, "target": {"node": 0, "path": "translation"}}]
    for joint in range(turns.shape[1]):
        keys = buffer.add(np.ascontiguousarray(turns[:, joint], dtype=np.float32))
        samplers.append({"input": times, "output": keys, "interpolation": "LINEAR"})
        channels.append({"sampler": joint + 1, "target": {"node": joint, "path": "rotation"}})
    return {"name": "motion", "samplers": samplers, "channels": channels}

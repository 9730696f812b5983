"""Blender's own importers: joints stand where they should, with Blender's axes (Z up) and in metres.

Runs with the Python that SCALEMOGEN_BLENDER_PYTHON names, one that can `import bpy` (`pip install bpy` needs an older
numpy than this package, so an environment of its own).
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from helpers.motions import make_motion

PYTHON = os.environ.get("SCALEMOGEN_BLENDER_PYTHON")

IMPORT = """
import bpy, json, sys
found = {}
for path in sys.argv[1:]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = 20
    if path.endswith(".bvh"):
        bpy.ops.import_anim.bvh(filepath=path, global_scale=0.01, update_scene_fps=True)
    else:
        bpy.ops.import_scene.gltf(filepath=path)
    rig = next(thing for thing in scene.objects if thing.type == "ARMATURE")
    start, stop = (int(frame) for frame in rig.animation_data.action.frame_range)
    frames = []
    for frame in range(start, stop + 1):
        scene.frame_set(frame)
        frames.append({bone.name: list(rig.matrix_world @ bone.head) for bone in rig.pose.bones})
    found[path] = {"frames": frames, "fps": scene.render.fps / scene.render.fps_base}
print("FOUND" + json.dumps(found))
"""


@pytest.mark.skipif(PYTHON is None, reason="SCALEMOGEN_BLENDER_PYTHON names no Python with bpy")
def test_blender_sees_the_same_joints(tmp_path: Path) -> None:
    motions = {}
    for name in ("humanml3d", "snapmogen", "bandai_namco"):
        for suffix in (".bvh", ".glb"):
            path = tmp_path / f"{name}{suffix}"
            motions[str(path)] = make_motion(name)
            motions[str(path)].save(path)
    job = subprocess.run([str(PYTHON), "-c", IMPORT, *motions], capture_output=True, text=True, check=True)
    line = next(line for line in job.stdout.splitlines() if line.startswith("FOUND"))
    found = json.loads(line.removeprefix("FOUND"))
    for path, motion in motions.items():
        assert found[path]["fps"] == motion.fps
        seen = [[frame[joint] for joint in motion.skeleton.joints] for frame in found[path]["frames"]]
        x, y, z = np.moveaxis(np.array(seen), -1, 0)
        np.testing.assert_allclose(np.stack([x, z, -y], axis=-1), motion.positions, atol=1e-4)

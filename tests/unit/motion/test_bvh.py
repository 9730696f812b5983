"""BVH reading against Euler angles written out by hand, and every way in which a file can be bad."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from helpers.motions import standing
from helpers.trees import Array, matrices, seeds, slow_kinematics
from scalemogen.errors import UserError
from scalemogen.motion import Motion, read_bvh
from scalemogen.motion.kinematics import forward_kinematics, global_rotations
from scalemogen.skeletons import derive_skeleton, get_skeleton

PARENTS = (-1, 0, 1, 1, 0, 4, 0)
NAMES = ("Hips", "Spine", "Head", "Arm L", "Leg_L", "Foot_L", "Leg_R")
AXES = "XYZ"


@dataclass
class File:
    """A BVH file to be written: per joint its offset and channels, and a frame of values per line."""

    offsets: Array
    channels: list[list[str]]
    values: Array
    fps: float = 30.0

    def text(self, newline: str = "\n", scene: bool = False) -> bytes:
        lines = ["HIERARCHY"]
        if scene:
            lines += ["ROOT scene", "{", "OFFSET 0 0 0", "CHANNELS 3 Zrotation Xrotation Yrotation"]
        self._joint(0, 0, "JOINT" if scene else "ROOT", lines)
        lines += ["}"] * scene
        frames = [" ".join(["0 0 90"] * scene + [repr(float(value)) for value in frame]) for frame in self.values]
        lines += ["MOTION", f"Frames:\t{len(frames)}", f"Frame Time: {1 / self.fps:.7f}", *frames, ""]
        return newline.join(lines).encode()

    def _joint(self, joint: int, depth: int, word: str, lines: list[str]) -> None:
        pad = "\t" * depth
        x, y, z = self.offsets[joint]
        lines += [f"{pad}{word} {NAMES[joint]}", f"{pad}{{", f"{pad}\tOFFSET {x:.9f} {y:.9f} {z:.9f}"]
        lines.append(f"{pad}\tCHANNELS {len(self.channels[joint])} {' '.join(self.channels[joint])} ")
        children = [child for child, parent in enumerate(PARENTS) if parent == joint]
        for child in children:
            self._joint(child, depth + 1, "JOINT", lines)
        if not children:
            lines += [f"{pad}\tEnd Site", f"{pad}\t{{", f"{pad}\t\tOFFSET 1 2 3", f"{pad}\t}}"]
        lines.append(f"{pad}}}")

    def poses(self) -> tuple[Array, Array]:
        """Return positions (T, J, 3) in the file's unit and world matrices (T, J, 3, 3), one value at a time."""
        positions, turns = [], []
        for frame in self.values:
            column, local, shifts = 0, [], []
            for joint, channels in enumerate(self.channels):
                matrix, shift = np.eye(3), self.offsets[joint].copy()
                for channel in channels:
                    axis = AXES.index(channel[0])
                    if channel.endswith("position"):
                        shift[axis] = frame[column]
                    else:
                        matrix = matrix @ turn(axis, math.radians(frame[column]))
                    column += 1
                local.append(matrix)
                shifts.append(shift)
            world, places = slow_kinematics(np.stack(local), shifts[0], np.stack(shifts), PARENTS)
            positions.append(np.stack(places))
            turns.append(np.stack(world))
        return np.stack(positions), np.stack(turns)


def turn(axis: int, angle: float) -> Array:
    one, two = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[one, one] = matrix[two, two] = math.cos(angle)
    matrix[two, one], matrix[one, two] = math.sin(angle), -math.sin(angle)
    return matrix


def random_file(seed: int, frames: int = 5, size: float = 30.0) -> File:
    """Return a file in centimetres with channels in any order and any subset of positions."""
    draw = np.random.default_rng(seed)
    offsets = draw.normal(0, size, (len(PARENTS), 3)).round(6)
    channels = []
    for joint in range(len(PARENTS)):
        rotations = [f"{axis}rotation" for axis in AXES]
        positions = [f"{axis}position" for axis in AXES if joint == 0 or draw.random() < 0.4]
        if draw.random() < 0.2:
            rotations = rotations[: draw.integers(3)]
        names = [*rotations, *positions]
        channels.append([names[i] for i in draw.permutation(len(names))])
    values = [
        [draw.normal(0, size) if name.endswith("position") else draw.uniform(-180, 180) for c in channels for name in c]
        for _ in range(frames)
    ]
    return File(offsets, channels, np.array(values))


def plain_file(frames: int = 5) -> File:
    """Return a file with positions at the root alone."""
    file = random_file(3, frames)
    angles = ["Zrotation", "Xrotation", "Yrotation"]
    file.channels = [["Xposition", "Yposition", "Zposition", *angles], *([angles] * (len(PARENTS) - 1))]
    file.values = np.random.default_rng(0).normal(0, 40, (frames, 3 * len(PARENTS) + 3))
    return file


@settings(max_examples=25)
@given(seed=seeds)
def test_any_channels_in_any_order(seed: int) -> None:
    file = random_file(seed)
    motion = read_bvh(file.text(), unit="cm")
    positions, turns = file.poses()
    np.testing.assert_allclose(motion.positions.numpy(), positions / 100, atol=2e-5)
    world = matrices(global_rotations(motion.rotations, motion.skeleton.parents))
    np.testing.assert_allclose(world, turns, atol=1e-5)
    assert motion.skeleton.joints == NAMES
    assert motion.fps == 30.0


@pytest.mark.parametrize("order", ["".join(order) for order in permutations(AXES)])
def test_every_rotation_order(order: str) -> None:
    file = plain_file()
    file.channels = [
        [*(c for c in names if "position" in c), *(f"{a}rotation" for a in order)] for names in file.channels
    ]
    motion = read_bvh(file.text(newline="\r\n"))
    np.testing.assert_allclose(motion.positions.numpy(), file.poses()[0] / 100, atol=1e-5)


@pytest.mark.parametrize(("unit", "size"), [("m", 1.0), ("cm", 100.0), ("mm", 1000.0)])
def test_the_unit_is_told_by_the_size_of_the_body(unit: str, size: float) -> None:
    file = plain_file()
    file.offsets *= size / 60.0
    told, guessed = read_bvh(file.text(), unit=unit), read_bvh(file.text())  # type: ignore[arg-type]
    torch.testing.assert_close(told.positions, guessed.positions)
    torch.testing.assert_close(read_bvh(file.text(), unit="m").positions, told.positions * size, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(
    ("seconds", "fps"),
    [("0.0333333", 30.0), ("0.033333", 30.0), ("0.008333", 120.0), ("0.0166667", 60.0), ("0.04", 25.0)],
)
def test_rounded_frame_times_mean_whole_rates(seconds: str, fps: float) -> None:
    text = re.sub(rb"Frame Time: \S+", f"Frame Time: {seconds}".encode(), plain_file().text())
    assert read_bvh(text).fps == fps


def test_other_frame_rates_are_resampled() -> None:
    text = plain_file(frames=13).text()
    full, half = read_bvh(text), read_bvh(text, fps=15.0)
    assert (half.fps, half.frames) == (15.0, 7)
    torch.testing.assert_close(half.positions, full.positions[::2], atol=1e-5, rtol=0)


def test_a_path_is_read_and_names_the_skeleton(tmp_path: Path) -> None:
    path = tmp_path / "walk.bvh"
    path.write_bytes(b"\xef\xbb\xbf" + plain_file().text())
    assert read_bvh(path).skeleton.name == "walk"
    torch.testing.assert_close(read_bvh(str(path)).positions, read_bvh(plain_file().text()).positions)


def test_a_scene_node_is_folded_in() -> None:
    file = plain_file()
    plain, lifted = read_bvh(file.text()), read_bvh(file.text(scene=True))
    assert lifted.skeleton.joints == NAMES
    turned = plain.positions.double().numpy() @ turn(1, math.radians(90)).T
    np.testing.assert_allclose(lifted.positions.numpy(), turned, atol=1e-5)
    rebuilt = forward_kinematics(lifted.rotations, lifted.root, lifted.bones, lifted.skeleton.parents)
    torch.testing.assert_close(rebuilt, lifted.positions, atol=1e-5, rtol=0)


def test_a_scene_node_is_known_by_the_skeleton_even_in_a_still_clip() -> None:
    file = plain_file(frames=1)
    known = read_bvh(file.text()).skeleton
    assert read_bvh(file.text(scene=True), known).skeleton is known
    assert read_bvh(file.text(scene=True)).skeleton.joints == ("scene", *NAMES)
    assert read_bvh(file.text(scene=True), drop=("scene", "not there")).skeleton.joints == NAMES


def test_joints_are_left_out_with_all_that_hangs_on_them() -> None:
    motion = read_bvh(plain_file().text(), drop=["Leg_L"])
    assert motion.skeleton.joints == ("Hips", "Spine", "Head", "Arm L", "Leg_R")
    whole = read_bvh(plain_file().text())
    torch.testing.assert_close(motion.positions, whole.positions[:, [0, 1, 2, 3, 6]])
    with pytest.raises(UserError, match="cannot leave out the root Hips: it has 3 children"):
        read_bvh(plain_file().text(), drop=["Hips"])


def test_joints_are_matched_by_name_and_put_in_order() -> None:
    text = plain_file().text()
    motion = read_bvh(text)
    order = [0, 6, 4, 5, 1, 3, 2]
    other = derive_skeleton(
        "other",
        [NAMES[i] for i in order],
        [order.index(PARENTS[i]) if PARENTS[i] >= 0 else -1 for i in order],
        [motion.skeleton.offsets[i] for i in order],
    )
    again = read_bvh(text, other)
    assert again.skeleton is other
    assert again.offsets is None
    torch.testing.assert_close(again.positions, motion.positions[:, order])


def test_a_persons_own_bones_are_kept() -> None:
    file = plain_file()
    skeleton = read_bvh(file.text()).skeleton
    file.offsets[2] *= 1.5
    motion = read_bvh(file.text(), skeleton, unit="cm")
    assert motion.offsets is not None
    torch.testing.assert_close(motion.offsets[2], torch.tensor(file.offsets[2] / 100).float())


def refused(text: bytes | str | Path, message: str, skeleton: str | None = None) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_bvh(text, get_skeleton(skeleton) if skeleton else None, name="clip.bvh")
    assert "\n" not in str(caught.value)
    assert str(caught.value).count("clip.bvh") == 1


@pytest.mark.parametrize("turned", ["root", "bones"])
@pytest.mark.parametrize("known", [True, False])
def test_a_file_with_z_up_is_refused(turned: str, known: bool, tmp_path: Path) -> None:
    """A person who stands: the root is turned upright, or the rest pose itself has Z up."""
    person = standing(frames=20)
    skeleton, rotations, root = person.skeleton, person.rotations.double().clone(), person.root.double().clone()
    assert read_bvh(person.save(tmp_path / "y.bvh")).frames == 20
    up = torch.tensor([math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)], dtype=torch.float64)
    if turned == "root":
        rotations[:, 0] = up
    else:
        offsets = tuple((x, -z, y) for x, y, z in skeleton.offsets)
        skeleton = derive_skeleton("z", list(skeleton.joints), list(skeleton.parents), offsets)
    path = Motion.from_rotations(skeleton, rotations, root[:, [0, 2, 1]], 20.0).save(tmp_path / "z.bvh")
    with pytest.raises(UserError, match=r"z\.bvh: this file seems to have Z up: .*; Y must be up"):
        read_bvh(path, get_skeleton("humanml3d") if known else None)


def test_who_lies_only_for_a_while_or_moves_on_is_read(tmp_path: Path) -> None:
    person = standing(frames=20)
    rotations, root = person.rotations.double().clone(), person.root.double().clone()
    rotations[:17, 0] = torch.tensor([math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)], dtype=torch.float64)
    read_bvh(Motion.from_rotations(person.skeleton, rotations, root, 20.0).save(tmp_path / "a.bvh"))
    rotations[:, 0] = rotations[0, 0]
    root[:, 2] = torch.linspace(0, 2, 20)
    read_bvh(Motion.from_rotations(person.skeleton, rotations, root, 20.0).save(tmp_path / "b.bvh"))


def test_bad_files_are_refused_in_one_line() -> None:
    good = plain_file().text()
    lines = good.split(b"\n")
    frame = lines.index(b"MOTION") + 3
    row = lines[frame + 1].split()

    def with_row(values: list[bytes]) -> bytes:
        return b"\n".join([*lines[: frame + 1], b" ".join(values), *lines[frame + 2 :]])

    refused(b"", "not a BVH file")
    refused(b"PK\x03\x04" + good, "not a BVH file")
    refused(good[: good.index(b"MOTION") - 40], "no MOTION block")
    refused(b"\n".join(lines[: frame + 2]), "'Frames:' says 5.*truncated")
    refused(b"\n".join([*lines[:-1], lines[frame], b""]), "'Frames:' says 5")
    refused(with_row(row[:-1]), "truncated or damaged")
    refused(
        b"\n".join([*lines[:frame], *(b" ".join(line.split()[:-1]) for line in lines[frame:])]),
        "23 values.*24 channels",
    )
    refused(with_row([*row[:7], b"nan", *row[8:]]), "frame 1, joint Spine: value nan is not finite")
    refused(with_row([*row[:4], b"-inf", *row[5:]]), "frame 1, joint Hips: value -inf")
    refused(with_row([*row[:4], b"abc", *row[5:]]), "not a number")
    refused(re.sub(rb"Frames:\s*5", b"Frames: 0", good), "at least 1 frame")
    refused(re.sub(rb"Frames:\s*5", b"Frames: many", good), "at least 1 frame")
    for time in (b"0", b"-0.1", b"nan", b"inf", b"fast", b""):
        refused(re.sub(rb"Frame Time: \S+", b"Frame Time: " + time, good), "seconds from 1e-06 to 10000 are needed")


def test_bad_hierarchies_are_refused_in_one_line() -> None:
    good = plain_file().text()
    refused(good.replace(b"JOINT Leg_R", b"JOINT Leg_L"), "'Leg_L' is empty or appears twice")
    refused(good.replace(b"JOINT Leg_R", b"JOINT"), "'' is empty")
    refused(good.replace(b"JOINT Leg_R", b"ROOT Leg_R"), "at 'ROOT Leg_R'")
    refused(good.replace(b"CHANNELS 6 X", b"CHANNELS 5 X"), "a count and that many different channels")
    refused(good.replace(b"CHANNELS 6 Xposition", b"CHANNELS 6 Yposition"), "different channels")
    refused(good.replace(b"CHANNELS 6 Xposition", b"CHANNELS 6 Wposition"), "different channels")
    refused(re.sub(rb"OFFSET \S+", b"OFFSET one", good, count=1), "three numbers")
    refused(re.sub(rb"OFFSET \S+", b"OFFSET nan", good, count=1), "not finite")
    refused(good.replace(b"}\nMOTION", b"MOTION"), "closing brace")
    refused(good.replace(b"}\nMOTION", b"}\n}\nMOTION"), "damaged BVH hierarchy at '}'")
    channels = re.findall(rb"CHANNELS 6 .*\n", good)[0]
    refused(good.replace(channels, channels * 2), "damaged BVH hierarchy at 'CHANNELS 6")
    refused(good.replace(b"OFFSET", b"OFSET", 1), "damaged BVH hierarchy at 'OFSET")
    refused(b"HIERARCHY\nMOTION\nFrames: 1\nFrame Time: 0.1\n1\n", "no joint")
    refused(re.sub(rb"CHANNELS.*", b"CHANNELS 0", good), "no channels")


def test_another_skeletons_joints_are_named() -> None:
    refused(plain_file().text(), "not those of skeleton kit: missing root, .*; extra Hips, .*Leg_R", "kit")


def test_another_tree_of_the_same_joints_is_refused() -> None:
    text = plain_file().text()
    swapped = text.replace(b"Foot_L", b"tmp").replace(b"Leg_R", b"Foot_L").replace(b"tmp", b"Leg_R")
    with pytest.raises(UserError, match=r"joint Foot_L hangs on Hips, in skeleton .* on Leg_L"):
        read_bvh(swapped, read_bvh(text).skeleton)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*nothing.bvh: No such file"):
        read_bvh(tmp_path / "nothing.bvh")

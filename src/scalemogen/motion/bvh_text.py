"""The text of a BVH file: its hierarchy and its motion block, unchanged, as numbers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalemogen.errors import UserError

_MOTION = re.compile(
    rb"^[ \t]*MOTION[ \t]*\r?$\s*Frames:[ \t]*(\S*)[ \t]*\r?$\s*Frame[ \t]*Time:[ \t]*(\S*)[ \t]*\r?$", re.M | re.I
)
_END_SITE = -2
SHORTEST, LONGEST = 1e-6, 1e4
"""Seconds that a frame may last."""
LARGEST = 1e9
"""Of all numbers, whatever their unit: beyond it sums of them leave what float32 holds."""
_CHANNEL = re.compile(r"([xyz])(position|rotation)", re.I)


@dataclass
class Node:
    """One joint of the hierarchy.

    Attributes:
        name: as written, spaces included.
        parent: index of the parent node, -1 for the root.
        offset: in the unit of the file.
        channels: "Xposition" or "Zrotation" and the like, in file order.
        column: where its channels start in a frame.
    """

    name: str
    parent: int
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    channels: tuple[str, ...] = ()
    column: int = 0

    def columns(self, kind: str) -> list[tuple[int, str]]:
        """Return (column, axis "X", "Y" or "Z") of the channels of a kind, "position" or "rotation"."""
        return [(self.column + i, c[0]) for i, c in enumerate(self.channels) if c[1:] == kind]


@dataclass(frozen=True)
class BVHText:
    """A parsed file.

    Attributes:
        name: what messages call the file.
        nodes: joints in file order, parents first; End Sites are left out.
        frame_time: seconds.
        values: (T, channels) float64, finite.
    """

    name: str
    nodes: tuple[Node, ...]
    frame_time: float
    values: npt.NDArray[np.float64]


def parse(data: bytes, name: str) -> BVHText:
    """Parse a BVH file.

    Raises:
        UserError: not a BVH file, truncated, wrong channel count, no frames, bad frame time, NaN or infinite values.
    """
    if not re.match(rb"\s*HIERARCHY\b", data.removeprefix(b"\xef\xbb\xbf"), re.I):
        raise UserError(f"{name}: not a BVH file (it does not begin with HIERARCHY)")
    block = _MOTION.search(data)
    if block is None:
        raise UserError(f"{name}: truncated or damaged BVH file: no MOTION block with 'Frames:' and 'Frame Time:'")
    header = data[: block.start()].removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace")
    nodes = _hierarchy(header, name)
    frames = _frame_count(block[1].decode(errors="replace"), name)
    frame_time = _frame_time(block[2].decode(errors="replace"), name)
    return BVHText(name, tuple(nodes), frame_time, _values(data[block.end() :], frames, nodes, name))


def _frame_count(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) < 1:
        raise UserError(f"{name}: 'Frames: {text}': at least 1 frame is needed")
    return int(text)


def _frame_time(text: str, name: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not SHORTEST <= seconds <= LONGEST:
        raise UserError(f"{name}: 'Frame Time: {text}': seconds from {SHORTEST} to {LONGEST:g} are needed")
    return seconds


def _values(block: bytes, frames: int, nodes: list[Node], name: str) -> npt.NDArray[np.float64]:
    channels = sum(len(node.channels) for node in nodes)
    if channels == 0:
        raise UserError(f"{name}: the hierarchy has no channels")
    try:
        values = np.array(block.split(), dtype=np.float64)
    except ValueError as error:
        raise UserError(f"{name}: the motion block holds text that is not a number: {error}") from error
    if values.size != frames * channels:
        first = len(block.strip().split(b"\n", 1)[0].split())
        if first != channels:
            raise UserError(f"{name}: the first frame holds {first} values, its hierarchy has {channels} channels")
        raise UserError(
            f"{name}: {values.size} motion values are {values.size / channels:.6g} frames of {channels} channels, "
            f"but 'Frames:' says {frames}; the file is truncated or damaged"
        )
    values = values.reshape(frames, channels)
    sound = np.abs(values) <= LARGEST
    if not sound.all():
        frame, column = np.argwhere(~sound)[0]
        fault = f"beyond {LARGEST:g}" if np.isfinite(values[frame, column]) else "not finite"
        joint = next(node for node in reversed(nodes) if node.channels and node.column <= column)
        raise UserError(f"{name}: frame {frame}, joint {joint.name}: value {values[frame, column]} is {fault}")
    return values


def _hierarchy(text: str, name: str) -> list[Node]:
    """Read the HIERARCHY section; joints come before their children, as in the file."""
    nodes: list[Node] = []
    path: list[int] = []
    opening: int | None = None
    for line in re.sub(r"([{}])", r"\n\1\n", text).splitlines():
        word, *rest = line.split(maxsplit=1)[:2] or [""]
        value = rest[0].strip() if rest else ""
        match word.upper():
            case "" | "HIERARCHY":
                continue
            case "ROOT" | "JOINT" if (word.upper() == "ROOT") == (not nodes):
                opening = len(nodes)
                nodes.append(Node(value, path[-1] if path else -1))
            case "END" if path:
                opening = _END_SITE
            case "{" if opening is not None:
                path.append(opening)
                opening = None
            case "}" if path:
                path.pop()
            case "OFFSET" if path:
                if path[-1] != _END_SITE:
                    nodes[path[-1]].offset = _offset(value, nodes[path[-1]].name, name)
            case "CHANNELS" if path and path[-1] != _END_SITE and not nodes[path[-1]].channels:
                nodes[path[-1]].column = sum(len(node.channels) for node in nodes)
                nodes[path[-1]].channels = _channels(value, nodes[path[-1]].name, name)
            case _:
                raise UserError(f"{name}: damaged BVH hierarchy at {line.strip()!r}")
    if path or not nodes:
        raise UserError(f"{name}: damaged BVH hierarchy: {'a closing brace is missing' if path else 'no joint'}")
    _check_tree(nodes, name)
    return nodes


def _check_tree(nodes: list[Node], name: str) -> None:
    names = [node.name for node in nodes]
    for index, node in enumerate(nodes):
        if not node.name or names.index(node.name) != index:
            raise UserError(f"{name}: joint name {node.name!r} is empty or appears twice")
        if node.parent < 0 < index:
            raise UserError(f"{name}: joint {node.name} stands outside of the root {names[0]}")


def _offset(text: str, joint: str, name: str) -> tuple[float, float, float]:
    try:
        x, y, z = (float(value) for value in text.split())
    except ValueError as error:
        raise UserError(f"{name}: OFFSET {text} of joint {joint}: three numbers are needed") from error
    if not all(abs(value) <= LARGEST for value in (x, y, z)):
        raise UserError(f"{name}: OFFSET {text} of joint {joint} is not finite, or beyond {LARGEST:g}")
    return x, y, z


def _channels(text: str, joint: str, name: str) -> tuple[str, ...]:
    count, *words = text.split() or [""]
    found = [match for word in words if (match := _CHANNEL.fullmatch(word))]
    channels = tuple(match[1].upper() + match[2].lower() for match in found)
    if count != str(len(words)) or len(set(channels)) != len(words):
        raise UserError(
            f"{name}: CHANNELS {text} of joint {joint}: a count and that many different channels are needed"
        )
    return channels

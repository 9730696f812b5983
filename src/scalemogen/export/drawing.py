"""Stick figures drawn with Pillow at twice the size and halved again: smooth lines, some milliseconds a frame."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scalemogen.export.camera import Camera
from scalemogen.export.figure import COLOURS, HEAD_RADIUS, MIDDLE, Array, Figure, tinted

OVERSAMPLING = 2
PAPER, FLOOR, GRID = (255, 255, 255), (240, 242, 245), (214, 218, 225)
SHADOW, PATH, ARROW, INK, FAINT = (205, 209, 216), (120, 160, 150), (160, 166, 178), (31, 35, 43), (112, 118, 130)

BONE_WIDTH = 0.045
FLOOR_MARGIN = 0.7
FLOOR_LINES = 50
"""Most lines of the floor's grid on either side of its middle, however large the body."""


def draw_frame(figure: Figure, camera: Camera, frame: int, size: tuple[int, int]) -> Image.Image:
    """Return the picture of one frame: floor, root path, shadow and body.

    Args:
        figure: the motion.
        camera: fitted for a picture of this size.
        frame: index of the frame.
        size: width and height, pixels.
    """
    width, height = size
    image = Image.new("RGB", (width * OVERSAMPLING, height * OVERSAMPLING), PAPER)
    brush = _Brush(ImageDraw.Draw(image), camera, frame)
    _draw_floor(brush, figure)
    _draw_path(brush, figure, frame)
    _draw_shadow(brush, figure, frame)
    _draw_body(brush, figure, frame)
    return image.reduce(OVERSAMPLING)


def write_text(image: Image.Image, place: tuple[float, float], text: str, points: int, faint: bool = False) -> None:
    """Write text onto an image, in place, with its upper left corner at a pixel."""
    ImageDraw.Draw(image).text(place, drawable(text), font=font(points), fill=FAINT if faint else INK)


def drawable(text: str) -> str:
    """Return the text with a question mark for every character that the font does not have."""
    return "".join(letter if _has_glyph(letter) else "?" for letter in text)


@lru_cache(maxsize=4096)
def _has_glyph(letter: str) -> bool:
    """Return whether a character looks unlike one that no font has."""
    return bytes(font(24).getmask(letter)) != bytes(font(24).getmask("\uffff"))


def wrap_text(text: str, points: int, width: float, lines: int) -> list[str]:
    """Break a text into at most `lines` lines of at most `width` pixels; what is left out ends in an ellipsis."""
    rows: list[str] = []
    for word in text.split():
        longer = f"{rows[-1]} {word}" if rows else word
        if rows and font(points).getlength(longer) <= width:
            rows[-1] = longer
        else:
            rows.append(word)
    return rows if len(rows) <= lines else [*rows[: lines - 1], f"{rows[lines - 1]} …"]


@lru_cache(maxsize=8)
def font(points: int) -> ImageFont.FreeTypeFont:
    """Return the font that Pillow carries, at a size."""
    loaded = ImageFont.load_default(points)
    if not isinstance(loaded, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return loaded


class _Brush:
    """Draws lines and discs given in metres."""

    def __init__(self, draw: ImageDraw.ImageDraw, camera: Camera, frame: int) -> None:
        self._draw, self._camera, self._frame = draw, camera, frame

    @property
    def target(self) -> Array:
        target: Array = self._camera.targets[self._frame]
        return target

    @property
    def reach(self) -> float:
        return self._camera.reach

    def pixels(self, points: Array) -> Array:
        return self._camera.project(points, self._frame) * [OVERSAMPLING, OVERSAMPLING, 1]

    def line(self, points: Array, colour: tuple[int, ...], width: float) -> None:
        """Draw a polyline through (P, 3) points; width in pixels of the small picture."""
        pixels = max(round(width * OVERSAMPLING), 1)
        self._draw.line(_flat(self.pixels(points)), fill=colour, width=pixels, joint="curve")

    def polygon(self, points: Array, colour: tuple[int, ...]) -> None:
        self._draw.polygon(_flat(self.pixels(points)), fill=colour)

    def bone(self, ends: Array, colour: tuple[int, ...], width: float) -> None:
        """Draw a line with round ends between (2, 3) points; width in metres."""
        seen = self.pixels(ends)
        thick = self.metres(width)
        self._draw.line(_flat(seen), fill=colour, width=max(round(thick), 1))
        for x, y, _ in seen:
            self._disc(x, y, thick / 2, colour)

    def rim(self, ends: Array) -> None:
        """Draw the rim of a bone; it stops short of the joints, where the neighbouring bones begin."""
        start, end = ends
        short = min(BONE_WIDTH / max(float(np.linalg.norm(end - start)), 1e-6), 0.5)
        inner = np.stack([start + short * (end - start), end - short * (end - start)])
        self._draw.line(_flat(self.pixels(inner)), fill=PAPER, width=max(round(self.metres(1.6 * BONE_WIDTH)), 1))

    def ball(self, centre: Array, colour: tuple[int, ...], radius: float) -> None:
        x, y, _ = self.pixels(centre)
        self._disc(x, y, self.metres(radius), colour)

    def metres(self, length: float) -> float:
        return length * self._camera.scale * OVERSAMPLING

    def depth(self, points: Array) -> Array:
        depth: Array = self._camera.project(points, self._frame)[..., 2]
        return depth

    def _disc(self, x: float, y: float, radius: float, colour: tuple[int, ...]) -> None:
        self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _flat(pixels: Array) -> list[float]:
    flat: list[float] = pixels[:, :2].ravel().tolist()
    return flat


def _draw_floor(brush: _Brush, figure: Figure) -> None:
    """Draw a disc around the camera's target with a line at every half metre of the world, so that travel is seen.

    Lines are farther apart where there would be too many.
    """
    target, radius = brush.target * [1.0, 0.0, 1.0], brush.reach + FLOOR_MARGIN
    angles = np.linspace(0, 2 * np.pi, 65)
    ring = np.stack([np.cos(angles), np.zeros_like(angles), np.sin(angles)], axis=1)
    step = max(0.5, radius / FLOOR_LINES)
    lift = np.array([0.0, figure.floor, 0.0])
    brush.polygon(target + radius * ring + lift, FLOOR)
    for axis, other in ((0, 2), (2, 0)):
        for place in step * np.arange(np.ceil((target[axis] - radius) / step), (target[axis] + radius) / step):
            half = np.sqrt(max(radius**2 - (place - target[axis]) ** 2, 0.0))
            chord = np.stack([lift, lift])
            chord[:, axis] = place
            chord[:, other] = target[other] - half, target[other] + half
            brush.line(chord, GRID, 1)


def _draw_path(brush: _Brush, figure: Figure, frame: int) -> None:
    """Draw the root's path so far and to come, as far as it lies on the floor that is drawn."""
    ground = figure.positions[:, 0] * [1.0, 0.0, 1.0] + [0.0, figure.floor, 0.0]
    near = np.linalg.norm((ground - brush.target)[:, [0, 2]], axis=1) < brush.reach + FLOOR_MARGIN
    for start, stop, colour in ((0, figure.frames, GRID), (0, frame + 1, PATH)):
        cuts = np.flatnonzero(np.diff(near[start:stop])) + 1
        for run in np.split(np.arange(start, stop), cuts):
            if len(run) > 1 and near[run[0]]:
                brush.line(ground[run], colour, 1.5)


def _draw_shadow(brush: _Brush, figure: Figure, frame: int) -> None:
    ground = figure.positions[frame] * [1.0, 0.0, 1.0] + [0.0, figure.floor, 0.0]
    for bone in figure.bones:
        brush.bone(ground[list(bone)], SHADOW, BONE_WIDTH)
    start, tip = figure.facing[frame]
    back = 0.35 * (start - tip)
    wing = np.array([-back[2], 0.0, back[0]]) * 0.6
    brush.line(figure.facing[frame], ARROW, 1.5)
    brush.line(np.stack([tip + back + wing, tip, tip + back - wing]), ARROW, 1.5)


def _draw_body(brush: _Brush, figure: Figure, frame: int) -> None:
    """Draw bones, the farthest first, and head balls; a thin rim sets each bone off from those behind it."""
    joints = figure.positions[frame]
    ends = joints[np.asarray(figure.bones, dtype=np.int64)]
    depths = brush.depth(ends).mean(axis=1)
    for index in np.argsort(depths):
        brush.rim(ends[index])
        brush.bone(ends[index], tinted(figure.sides[index], figure.tints[index]), BONE_WIDTH)
    for head in figure.heads[frame]:
        brush.ball(head, COLOURS[MIDDLE], HEAD_RADIUS)

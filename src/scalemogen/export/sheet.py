"""Contact sheets: several frames of each motion in a row, for looking at many motions at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from scalemogen.export.camera import fit_camera, root_targets
from scalemogen.export.drawing import PAPER, draw_frame, wrap_text, write_text
from scalemogen.export.figure import figure_of
from scalemogen.files import atomic_path
from scalemogen.motion.record import Motion

CELL = (150, 170)
TITLE_POINTS, TIME_POINTS = 14, 11
TITLE_LINES = 2
PADDING = 6


def write_png(motion: Motion, path: Path) -> None:
    """Write eight frames of a motion in a row, titled by the file's name; see `contact_sheet`.

    Raises:
        UserError: the file cannot be written.
    """
    contact_sheet([motion], [path.stem], path)


def contact_sheet(motions: Sequence[Motion], titles: Sequence[str], path: str | Path, frames: int = 8) -> None:
    """Write a PNG with one row a motion: frames evenly spread from the first to the last, under the motion's title.

    Each frame is seen from the front and a little to the body's left (of the motion's first frame), left limbs blue,
    right limbs red, with the floor, the root's path so far (green) and to come (grey), and an arrow on the floor
    where the body faces. The scale is the same within a row.

    Args:
        motions: one a row, at least one.
        titles: one a motion.
        path: of the PNG; appears when complete.
        frames: pictures a row.

    Raises:
        ValueError: no motions, no frames, or not as many titles as motions.
        UserError: the file cannot be written.
    """
    if not motions or frames < 1 or len(titles) != len(motions):
        raise ValueError(f"a sheet of {len(motions)} motions, {len(titles)} titles, {frames} frames a row")
    rows = [_row(motion, title, frames) for motion, title in zip(motions, titles, strict=True)]
    sheet = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)), PAPER)
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    with atomic_path(path) as temporary:
        sheet.save(temporary, format="PNG")


def _row(motion: Motion, title: str, frames: int) -> Image.Image:
    figure = figure_of(motion)
    camera = fit_camera(figure, root_targets(figure), CELL)
    width, height = CELL
    lines = wrap_text(title, TITLE_POINTS, width * frames - 2 * PADDING, TITLE_LINES)
    line_height = TITLE_POINTS + 4
    head = PADDING + line_height * len(lines)
    row = Image.new("RGB", (width * frames, head + height + PADDING), PAPER)
    for index, line in enumerate(lines):
        write_text(row, (PADDING, PADDING + index * line_height), line, TITLE_POINTS)
    for column, frame in enumerate(np.linspace(0, figure.frames - 1, frames).round().astype(int).tolist()):
        row.paste(draw_frame(figure, camera, frame, CELL), (column * width, head))
        write_text(row, (column * width + PADDING, head), f"{frame / figure.fps:.1f} s", TIME_POINTS, faint=True)
    return row

"""MP4 and GIF of a motion: a stick figure on a floor, at the motion's own speed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from PIL import Image
from tqdm import tqdm

from scalemogen.export.camera import Camera, fit_camera, steady_targets
from scalemogen.export.drawing import PAPER, draw_frame, write_text
from scalemogen.export.figure import Figure, figure_of
from scalemogen.files import atomic_path
from scalemogen.motion.record import Motion

SIZES = {".mp4": (480, 480), ".gif": (320, 320)}
"""Width and height of one motion's picture, pixels, even."""

TITLE_POINTS = 16
GAP = 8
"""Pixels between motions, even."""

GIF_COLOURS = 64
GIF_TICKS = 100
"""Ticks of a GIF's clock in a second."""


def write_mp4(motion: Motion, path: Path) -> None:
    """Write H.264 video, every frame of the motion, at its frame rate.

    Raises:
        UserError: the file cannot be written.
    """
    film([motion], [""], path)


def write_gif(motion: Motion, path: Path) -> None:
    """Write an endless GIF at the motion's speed; see `film`.

    Raises:
        UserError: the file cannot be written.
    """
    film([motion], [""], path)


def film(motions: Sequence[Motion], titles: Sequence[str], path: str | Path) -> None:
    """Write a video (.mp4) or an endless picture (.gif) of motions side by side, each under its title.

    Video has the frame rate of the first motion. A GIF shows each picture for a whole number of hundredths of a second
    (at least two): of every motion the frame nearest to each of these times is drawn. Motions that end early keep
    their last frame.

    Args:
        motions: at least one.
        titles: one a motion.
        path: of the file; appears when complete.

    Raises:
        ValueError: no motions, not as many titles as motions, or another suffix.
        UserError: the file cannot be written.
    """
    path = Path(path)
    if not motions or len(titles) != len(motions) or path.suffix.lower() not in SIZES:
        raise ValueError(f"{path}: a film of {len(motions)} motions and {len(titles)} titles")
    size = SIZES[path.suffix.lower()]
    shots = [_Shot.of(motion, title, size) for motion, title in zip(motions, titles, strict=True)]
    seconds = max(motion.seconds for motion in motions)
    if path.suffix.lower() == ".gif":
        ticks = max(int(np.ceil(GIF_TICKS / motions[0].fps - 1e-6)), 2)
        _save_gif(_pictures(shots, seconds, GIF_TICKS / ticks), path, ticks * 1000 // GIF_TICKS)
    else:
        width, height = _picture(shots, 0.0).size
        _save_mp4(_pictures(shots, seconds, motions[0].fps), path, (width, height), motions[0].fps)


@dataclass(frozen=True)
class _Shot:
    """One motion with the camera that films it."""

    figure: Figure
    camera: Camera
    title: str
    size: tuple[int, int]

    @classmethod
    def of(cls, motion: Motion, title: str, size: tuple[int, int]) -> _Shot:
        figure = figure_of(motion)
        return cls(figure, fit_camera(figure, steady_targets(figure), size), title, size)

    def at(self, seconds: float) -> Image.Image:
        frame = min(round(seconds * self.figure.fps), self.figure.frames - 1)
        image = draw_frame(self.figure, self.camera, frame, self.size)
        write_text(image, (TITLE_POINTS, TITLE_POINTS), self.title, TITLE_POINTS)
        return image


def _picture(shots: Sequence[_Shot], seconds: float) -> Image.Image:
    images = [shot.at(seconds) for shot in shots]
    step = images[0].width + GAP
    picture = Image.new("RGB", (step * len(images) - GAP, images[0].height), PAPER)
    for column, image in enumerate(images):
        picture.paste(image, (step * column, 0))
    return picture


def _pictures(shots: Sequence[_Shot], seconds: float, fps: float) -> Iterator[Image.Image]:
    for number in tqdm(range(max(round(seconds * fps), 1)), "drawing", unit="frame", delay=2, disable=None):
        yield _picture(shots, number / fps)


def _save_gif(pictures: Iterator[Image.Image], path: Path, milliseconds: int) -> None:
    quantised = (picture.quantize(GIF_COLOURS, dither=Image.Dither.NONE) for picture in pictures)
    with atomic_path(path) as temporary:
        next(quantised).save(
            temporary, format="GIF", save_all=True, append_images=quantised, duration=milliseconds, loop=0
        )


def _save_mp4(pictures: Iterator[Image.Image], path: Path, size: tuple[int, int], fps: float) -> None:
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", f"{fps:.6f}", "-i", "-")
    coding = ("-c:v", "libx264", "-crf", "20", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-threads", "1")
    with atomic_path(path) as temporary:
        program = (imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y")
        command = [*program, *source, *coding, "-movflags", "+faststart", str(temporary)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as job:
            complaint = _feed(job, pictures)
        if job.returncode:
            raise OSError(f"ffmpeg failed: {complaint}")


def _feed(job: subprocess.Popen[bytes], pictures: Iterator[Image.Image]) -> str:
    """Send pictures until the process has enough; return its first complaint."""
    try:
        if job.stdin is not None:
            for picture in pictures:
                job.stdin.write(picture.tobytes())
    except BrokenPipeError:
        pass  # the exit status and the complaint tell why
    finally:
        _, complaint = job.communicate()
    lines = re.sub(r"\[[^]]*\] ?", "", complaint.decode(errors="replace")).splitlines()
    return lines[0] if lines else "it stopped without a message"

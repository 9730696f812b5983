"""Where commands write motions: names of files, checked before the work starts."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from scalemogen.errors import UserError
from scalemogen.export import FORMATS, TokenPyramid, contact_sheet, film, gallery
from scalemogen.motion import Motion

SHEET = ".png"
TOGETHER = (".html", SHEET)
"""Formats in which one file shows all motions."""


def check_outputs(paths: Sequence[Path], sources: Sequence[Path] = ()) -> None:
    """Refuse what cannot be written, before time is spent on making it.

    Args:
        paths: files to write.
        sources: files that the command reads; none is written over.

    Raises:
        UserError: an unknown suffix, a folder in the file's place, a place where no file can be made, or a source.
    """
    for path in paths:
        if path.suffix.lower() not in FORMATS:
            suffix = f"'{path.suffix}'" if path.suffix else "a file without suffix"
            raise UserError(f"{path}: cannot write {suffix}; a motion is written as {', '.join(FORMATS)}")
        if path.is_dir():
            raise UserError(f"{path} is a folder; name a file")
        if any(path.resolve() == source.resolve() for source in sources):
            raise UserError(f"{path} is read by this command and would be written over; give another --out")
        folder = next(place for place in path.absolute().parents if place.exists())
        if not folder.is_dir():
            raise UserError(f"{path} cannot be written: {folder} is a file")
        if not os.access(folder, os.W_OK):
            raise UserError(f"{path} cannot be written: no right to write in {folder}")


def write_each(
    motions: Sequence[Motion], captions: Sequence[str], path: Path, tokens: Sequence[TokenPyramid] | None = None
) -> list[Path]:
    """Write motions to one page or sheet, or to one file each.

    Several motions of other formats go to `name-1.bvh`, `name-2.bvh` and so on. A page shows the bits too, if given.

    Returns:
        The files written.

    Raises:
        UserError: a file cannot be written.
    """
    if path.suffix.lower() == ".html":
        gallery(motions, captions, path, title=path.stem, tokens=tokens)
        return [path]
    if path.suffix.lower() == SHEET:
        contact_sheet(motions, captions, path)
        return [path]
    path.parent.mkdir(parents=True, exist_ok=True)
    if len(motions) == 1:
        return [motions[0].save(path)]
    digits = len(str(len(motions)))
    names = [path.with_name(f"{path.stem}-{number:0{digits}d}{path.suffix}") for number in range(1, len(motions) + 1)]
    return [motion.save(name) for motion, name in zip(motions, names, strict=True)]


def at_rate(motions: Sequence[Motion], fps: float | None) -> list[Motion]:
    """Return the motions at another frame rate, or as they are where none is given."""
    return [motion if fps is None else motion.resample(fps) for motion in motions]


def write_made(motions: Sequence[Motion], titles: Sequence[str], args: argparse.Namespace) -> None:
    """Write motions as `options.add_model_options` lets the user ask for it, and print the files.

    With --json, print the files and the length of each motion.

    Raises:
        UserError: a file cannot be written.
    """
    motions = at_rate(motions, args.fps)
    files = [str(file) for path in args.out for file in write_each(motions, titles, path)]
    if args.json:
        made = [{"frames": motion.frames, "seconds": motion.seconds} for motion in motions]
        print(json.dumps({"motions": made, "files": files}, indent=1))
    else:
        print("\n".join(files))


def write_beside(original: Motion, result: Motion, titles: tuple[str, str], path: Path) -> None:
    """Write two motions side by side where the format shows motions; else the result alone.

    Raises:
        UserError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix == ".html":
        gallery([original, result], ["", ""], path, titles=titles, title=path.stem)
    elif suffix == SHEET:
        contact_sheet([original, result], titles, path)
    elif suffix in (".mp4", ".gif"):
        film([original, result], titles, path)
    else:
        result.save(path)

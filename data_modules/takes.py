"""Stores from BVH files: captions from a table, from file names, or none; one skeleton, or several by a joint map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from scalemogen.data_modules.conversion import Converted, Converter, Floor, Layout, add_clip
from scalemogen.data_modules.file_names import FileNames
from scalemogen.data_modules.parallel import ordered_map
from scalemogen.data_modules.sources import MotionFiles
from scalemogen.data_modules.store import FORMAT, MotionStore, Origin, Quarantined
from scalemogen.data_modules.table import Entry, read_table
from scalemogen.data_modules.writer import TRAIN, StoreWriter
from scalemogen.errors import UserError
from scalemogen.files import digest_bytes, digest_json
from scalemogen.motion import read_bvh
from scalemogen.motion.retargeting import retarget
from scalemogen.skeletons import Skeleton, get_skeleton
from scalemogen.skeletons.maps import JointMap, get_joint_map


@dataclass(frozen=True)
class Windows:
    """How long takes are cut.

    Attributes:
        seconds: length of a window; a longer take is cut into windows of this length. 0 leaves takes whole.
        overlap: seconds that two windows share; the last two of a take may share more.

    Raises:
        UserError: a negative number, or an overlap that is not shorter than the window.
    """

    seconds: float = 0.0
    overlap: float = 0.0

    def __post_init__(self) -> None:
        if not (self.seconds == 0.0 == self.overlap or 0.0 <= self.overlap < self.seconds):
            raise UserError(
                f"windows of {self.seconds:g} s that share {self.overlap:g} s: 0 <= overlap < window needed"
            )

    def cut(self, frames: int, fps: float) -> list[tuple[int, int]]:
        """Return (start, stop) of the windows of a take; the last one ends with the take."""
        length = max(1, round(self.seconds * fps))
        if not self.seconds or frames <= length:
            return [(0, frames)]
        step = max(1, length - round(self.overlap * fps))
        starts = [*range(0, frames - length, step), frames - length]
        return [(start, start + length) for start in starts]


@dataclass(frozen=True)
class Takes:
    """A folder of BVH files and what to make of it.

    Attributes:
        source: folder or zip archive of BVH files.
        origin: name, licence and citation of the data.
        captions: CSV file, see `table.read_table`; "" takes what the file names tell.
        names: what the file names tell; only without a table.
        skeleton: name or YAML file; "" derives it from the first file that can be read, or takes the map's.
        joint_map: name or YAML file of a joint map that puts all files on one skeleton; see `skeletons.maps`.
        fps: frame rate of the store; clips are resampled.
        layout: feature layout.
        floor: see `Converter`.
        mirror: add mirrored copies of the training clips, with "M" before their identifiers.
        windows: how long takes are cut.

    Raises:
        UserError: options that exclude each other, or a frame rate outside 0 to 1000.
    """

    source: str | Path
    origin: Origin
    captions: str | Path = ""
    names: FileNames = field(default_factory=FileNames)
    skeleton: str = ""
    joint_map: str = ""
    fps: float = 20.0
    layout: Layout = "humanml3d"
    floor: Floor = "lowest"
    mirror: bool = False
    windows: Windows = field(default_factory=Windows)

    def __post_init__(self) -> None:
        if self.captions and self.names.pattern:
            raise UserError("captions come from a table or from file names, not from both")
        if self.skeleton and self.joint_map:
            raise UserError(f"the map {self.joint_map} names its skeleton; leave out the skeleton {self.skeleton}")
        if not 0 < self.fps < 1000:
            raise UserError(f"{self.fps:g} frames per second: above 0 and below 1000 needed")

    @property
    def options(self) -> dict[str, Any]:
        """The options that change what the store holds, as plain values."""
        return {
            "names": asdict(self.names),
            "skeleton": self.skeleton,
            "joint_map": self.joint_map,
            "fps": float(self.fps),
            "layout": self.layout,
            "floor": self.floor,
            "mirror": self.mirror,
            "windows": asdict(self.windows),
        }

    @cached_property
    def files(self) -> MotionFiles:
        """The files of the source."""
        return MotionFiles(self.source)

    @cached_property
    def map(self) -> JointMap | None:
        """The joint map, if there is one."""
        return get_joint_map(self.joint_map) if self.joint_map else None

    @property
    def sources(self) -> dict[str, Any]:
        """Names and digests of everything that is read."""
        found: dict[str, Any] = {
            "files": {"name": self.files.source.name, "count": len(self.files.names), "digest": self.files.digest}
        }
        if self.captions:
            try:
                table = Path(self.captions).read_bytes()
            except OSError as error:
                raise UserError(f"{self.captions}: cannot be read ({error.strerror})") from error
            found["captions"] = {"name": Path(self.captions).name, "digest": digest_bytes(table)}
        if self.skeleton:
            found["skeleton"] = get_skeleton(self.skeleton).digest
        if self.map is not None:
            found["joint_map"] = self.map.digest
        return found

    @property
    def digest(self) -> str:
        """Changes when an option or a source does."""
        return digest_json([FORMAT, self.options, asdict(self.origin), self.sources])

    def entries(self) -> tuple[list[Entry], list[Quarantined]]:
        """Return the clips with their files, and what was set aside on the way."""
        if not self.captions:
            return self.names.entries(self.files)
        told, faults = read_table(self.captions)
        entries = []
        for entry in told:
            name = self.files.find(entry.file)
            if name is None:
                faults.append(Quarantined(entry.clip, "no file", f"{entry.file} is not in {self.files.source.name}"))
            else:
                entries.append(replace(entry, file=name))
        used = {entry.file for entry in entries}
        faults += [
            Quarantined(name, "file without captions", "not in the captions table")
            for name in self.files.names
            if name not in used
        ]
        return entries, faults

    def find_skeleton(self, entries: list[Entry]) -> Skeleton:
        """Return the skeleton of the store.

        Raises:
            UserError: it is to be derived, and no file can be read.
        """
        if self.map is not None:
            return self.map.target
        if self.skeleton:
            return get_skeleton(self.skeleton)
        first: UserError | None = None
        for entry in entries:
            try:
                return read_bvh(self.files.read(entry.file), name=entry.file).skeleton
            except UserError as error:
                first = first or error
        raise first or UserError(f"{self.source}: no file is left to derive a skeleton from")


def build_bvh(path: str | Path, takes: Takes, *, processes: int = 0, progress: bool = True) -> MotionStore:
    """Build a store from BVH files.

    Args:
        path: folder of the store; replaced if it exists.
        takes: the files and what to make of them.
        processes: that read files in parallel; 0 reads in this one.
        progress: show a bar.

    Raises:
        UserError: the source or the table cannot be read, or no clip can be used.
    """
    entries, faults = takes.entries()
    skeleton = takes.find_skeleton(entries)
    provenance = {"source": "bvh", "options": takes.options, **takes.sources}
    with StoreWriter(
        path, skeleton=skeleton, layout=takes.layout, fps=takes.fps, origin=takes.origin, provenance=provenance
    ) as writer:
        for fault in faults:
            writer.quarantine(fault.clip, fault.reason, fault.detail)
        # A copy, which has no files opened: it goes to other processes.
        work = partial(_convert, takes=replace(takes), joint_map=takes.map, skeleton=skeleton)
        jobs = ((entry, _read(takes.files, entry.file)) for entry in entries)
        results = ordered_map(work, jobs, processes)
        bar = tqdm(results, "reading BVH", total=len(entries), unit="clip", disable=not progress)
        for entry, result in zip(entries, bar, strict=True):
            for part, converted in _cut(entry, result, takes):
                add_clip(writer, part, converted)
    return MotionStore.open(path)


def _read(files: MotionFiles, name: str) -> bytes | UserError:
    try:
        return files.read(name)
    except UserError as error:
        return error


def _convert(
    job: tuple[Entry, bytes | UserError], *, takes: Takes, joint_map: JointMap | None, skeleton: Skeleton
) -> Converted:
    entry, content = job
    convert = Converter(takes.layout, takes.floor)
    try:
        if isinstance(content, UserError):
            raise content
        if joint_map is None:
            motion = read_bvh(content, skeleton, takes.fps, name=entry.file).retargeted()
        else:
            # The floor is where the recorded body stands: a body of other proportions may reach below it with a hand.
            motion = read_bvh(content, None, takes.fps, name=entry.file).canonical(floor=takes.floor == "lowest")
            motion = retarget(motion, joint_map)
            convert = Converter(takes.layout, "keep")
        mirrored = convert(motion.mirrored()) if takes.mirror and entry.split == TRAIN else None
        return Converted(convert(motion), mirrored)
    except ValueError as error:
        message = str(error)
        return Converted(fault=("unreadable file", message if entry.file in message else f"{entry.file}: {message}"))


def _cut(entry: Entry, result: Converted, takes: Takes) -> Iterator[tuple[Entry, Converted]]:
    """Yield the windows of a take, each named TAKE#START-STOP by its frames; a short take stays what it is."""
    windows = takes.windows.cut(len(result.features), takes.fps) if result.features is not None else []
    if result.features is None or len(windows) == 1:
        yield entry, result
        return
    for start, stop in windows:
        attributes = {**entry.attributes, "take": entry.clip, "start": round(start / takes.fps, 3)}
        mirrored = None if result.mirrored is None else result.mirrored[start:stop]
        yield (
            replace(entry, clip=f"{entry.clip}#{start}-{stop}", attributes=attributes),
            Converted(result.features[start:stop], mirrored),
        )

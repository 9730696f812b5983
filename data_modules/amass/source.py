"""HumanML3D from AMASS: the published texts and lists, with features made from the recorded takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scalemogen.data_modules.amass.archives import read_arrays
from scalemogen.data_modules.amass.body import Body, read_bodies
from scalemogen.data_modules.amass.clips import WHOLE, Row, read_index, to_features
from scalemogen.data_modules.amass.takes import read_take
from scalemogen.data_modules.parallel import ordered_map
from scalemogen.data_modules.published.building import Statistics, build_published
from scalemogen.data_modules.published.form import Form, Report, Unusable
from scalemogen.data_modules.published.humanml3d import HUMANML3D, HumanML3DSet
from scalemogen.data_modules.sources import MotionFiles
from scalemogen.data_modules.store import MotionStore
from scalemogen.data_modules.table import Entry
from scalemogen.errors import UserError
from scalemogen.files import atomic_path, digest_json
from scalemogen.motion.mirror import mirror_positions
from scalemogen.skeletons import get_skeleton

VERSION = 1
"""Of the maths: parts made by another version are made anew."""

MIRRORED = "M"
"""Before the name of a mirrored copy."""

RENAMED = {
    "bmlrub": "biomotionlab_ntroje",
    "hdm05": "mpi_hdm05",
    "poseprior": "mpi_limits",
    "mosh": "mpi_mosh",
    "dfaust": "dfaust_67",
    "ssm": "ssm_synced",
    "transitions": "transitions_mocap",
    "eyesjapandataset": "eyes_japan_dataset",
}
"""Names under which AMASS offers subsets now, and those of the index."""


@dataclass(frozen=True)
class Take:
    """One file and the clips that are wanted of it.

    Attributes:
        path: the file.
        rows: the lines of the index that it is cut by.
        clips: names of the wanted clips, mirrored copies included.
        part: the file that keeps what was made of it.
    """

    path: Path
    rows: tuple[Row, ...]
    clips: frozenset[str]
    part: Path


class AmassSet(HumanML3DSet):
    """Reader of HumanML3D that makes the features from AMASS; captions, lists and rules are those of `HumanML3DSet`.

    What is made of each take is kept in a folder of parts, and found again while file, body models and lines of the
    index stay the same: a build that was stopped goes on where it stopped.

    Args:
        texts: folder with `texts` (or `texts.zip`) and `train.txt`, `val.txt`, `test.txt`.
        amass: folder with the unpacked subsets of AMASS ("SMPL+H G"), and HumanAct12's `humanact12`.
        body_model: folder of the male and the female SMPL-H model.
        index: the data set's `index.csv`.
        parts: folder of the parts; made when needed.
        processes: that work in parallel; 0 works in this one.

    Raises:
        UserError: a folder, the index or a body model cannot be used.
    """

    form: ClassVar[Form] = replace(HUMANML3D, name="humanml3d from AMASS")
    needs: ClassVar[str] = "texts, train.txt, val.txt and test.txt"

    def __init__(
        self,
        texts: str | Path,
        *,
        amass: str | Path,
        body_model: str | Path,
        index: str | Path,
        parts: str | Path,
        processes: int = 0,
    ) -> None:
        self.amass, self.parts, self.processes = Path(amass), Path(parts), processes
        if not self.amass.is_dir():
            raise UserError(f"{self.amass}: no such folder; needed: the unpacked subsets of AMASS")
        super().__init__(texts)
        acted = self.amass / WHOLE
        self._acted = MotionFiles(acted, ".npy") if acted.is_dir() else None
        self._rows = read_index(Path(index))
        self._bodies = read_bodies(Path(body_model))
        self._made: dict[str, tuple[Path, tuple[str, str] | None]] = {}

    @property
    def digest(self) -> str:
        """Changes when a file, the index or a body model does."""
        acted = self._acted.digest if self._acted else ""
        rows = [astuple(row) for row in self._rows.values()]
        return digest_json([VERSION, super().digest, acted, rows, *self._models])

    @property
    def _models(self) -> list[str]:
        return [body.digest for body in self._bodies.values()]

    def open(self, name: str, suffix: str) -> MotionFiles:
        """Return the texts, or in place of the features the takes."""
        return MotionFiles(self.amass, ".npz") if name == self.arrays else super().open(name, suffix)

    def read(self, names: dict[str, str], report: Report) -> Iterator[list[tuple[Entry, NDArray[np.float32]]]]:
        """Yield the clips of every name; see `PublishedSet.read`. Takes are worked on in the order of first need."""
        takes = self._takes(names)
        waiting = iter(dict.fromkeys(takes.values()))
        done = ordered_map(partial(make_part, bodies=self._bodies), dict.fromkeys(takes.values()), self.processes)
        for name, split in names.items():
            while name in takes and name not in self._made:
                take, told = next(waiting), next(done)
                self._made |= {clip: (take.part, told.get(clip)) for clip in take.clips}
            part, fault = self._made.get(name, (None, None))
            if part is not None and fault is not None and name in _names(part):
                report(name, *fault)
            yield from super().read({name: split}, report)

    def array(self, name: str) -> NDArray[Any]:
        """Return the features (T, 263) of a clip.

        Raises:
            Unusable: it is not in the index, its take is missing, or nothing could be made of it.
        """
        if name not in self._made:
            row = self._row(name)
            if row is None:
                raise Unusable("not in the index", f"no line of it makes {name}")
            raise Unusable(f"no file of {row.subset}", f"{row.source} is not in {self.amass}")
        part, fault = self._made[name]
        with np.load(part, allow_pickle=False) as arrays:
            if name in arrays:
                return np.asarray(arrays[name])
        raise Unusable(*(fault or ("unreadable file", part.name)))

    def _row(self, name: str) -> Row | None:
        return self._rows.get(name) or self._rows.get(name.removeprefix(MIRRORED))

    def _takes(self, names: Mapping[str, str]) -> dict[str, Take]:
        """Return the take of every name whose file is there."""
        files = {_key(name): self.amass / name for name in reversed(self._arrays.names)}
        if self._acted is not None:
            files |= {_key(f"{WHOLE}/{name}"): self._acted.source / name for name in self._acted.names}
        wanted: dict[Path, dict[str, Row]] = {}
        for name in names:
            row = self._row(name)
            path = None if row is None else files.get(_key(row.source))
            if row is not None and path is not None:
                wanted.setdefault(path, {})[name] = row
        return {name: take for path, clips in wanted.items() for take in [self._take(path, clips)] for name in clips}

    def _take(self, path: Path, clips: Mapping[str, Row]) -> Take:
        stat = path.stat()
        rows = tuple(dict.fromkeys(clips.values()))
        file = [str(path), stat.st_size, stat.st_mtime_ns]
        content = [VERSION, self._models, file, [astuple(row) for row in rows], sorted(clips)]
        return Take(path, rows, frozenset(clips), self.parts / f"{digest_json(content)}.npz")


def make_part(take: Take, bodies: Mapping[str, Body]) -> dict[str, tuple[str, str]]:
    """Make the features of a take's clips and keep them in its part, unless that is there already.

    Returns:
        Reason and detail by clip: of what could not be made, or was made of fewer frames than the index says.
    """
    told = _told(take.part)
    if told is None:
        arrays, told = _features(take, bodies)
        with atomic_path(take.part) as temporary, temporary.open("wb") as file:
            np.savez(file, **{FAULTS: np.array(json.dumps(told)), **arrays})  # type: ignore[arg-type]
    return told


def _told(part: Path) -> dict[str, tuple[str, str]] | None:
    """Return the reasons in a part; None if it is not there, or damaged."""
    try:
        found, _ = read_arrays(part, [FAULTS])
        return {clip: (reason, detail) for clip, (reason, detail) in json.loads(found[FAULTS].item()).items()}
    except (ValueError, KeyError):
        return None


FAULTS = "faults"
"""Name of the reasons in a part, beside the names of clips."""


def _features(
    take: Take, bodies: Mapping[str, Body]
) -> tuple[dict[str, NDArray[np.float32]], dict[str, tuple[str, str]]]:
    skeleton = get_skeleton("humanml3d")
    arrays: dict[str, NDArray[np.float32]] = {}
    told: dict[str, tuple[str, str]] = {}
    try:
        joints = read_take(take.path, bodies)
    except Unusable as error:
        return arrays, dict.fromkeys(take.clips, (error.reason, error.detail))
    for row in take.rows:
        for clip in sorted(take.clips & {row.clip, MIRRORED + row.clip}):
            try:
                cut, note = row.cut(joints)
                arrays[clip] = to_features(cut if clip == row.clip else mirror_positions(cut, skeleton)).numpy()
            except Unusable as error:
                told[clip] = (error.reason, error.detail)
            else:
                if note:
                    told[clip] = ("range outside", note)
    return arrays, told


def _names(part: Path) -> frozenset[str]:
    with np.load(part, allow_pickle=False) as arrays:
        return frozenset(arrays.files)


def _key(path: str) -> tuple[str, ...]:
    """Return subset, subject and take as they compare: whatever the suffix, spaces, case or the subset's newer name."""
    parts = [re.sub(r"[\s_]+", "_", part).lower() for part in PurePosixPath(path).with_suffix("").parts[-3:]]
    return RENAMED.get(parts[0], parts[0]), *parts[1:]


def build_amass(
    path: str | Path, source: AmassSet, *, statistics: Statistics = "computed", progress: bool = True
) -> MotionStore:
    """Build a store of HumanML3D from AMASS; the parts are removed when it is complete.

    Args:
        path: folder of the store; replaced if it exists.
        source: its reader.
        statistics: see `build_published`.
        progress: show a bar.

    Raises:
        UserError: nothing can be used, or a file cannot be written; the parts stay.
    """
    store = build_published(path, source, statistics=statistics, progress=progress)
    for part in source.parts.glob("*.npz"):
        part.unlink()
    if source.parts.is_dir() and not any(source.parts.iterdir()):
        source.parts.rmdir()
    return store

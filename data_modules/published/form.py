"""What the published data sets have in common: arrays in a folder or an archive, split lists, statistics."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from scalemogen.arrays import read_npy
from scalemogen.data_modules.base import Loading
from scalemogen.data_modules.sources import MotionFiles
from scalemogen.data_modules.store import Origin, Quarantined
from scalemogen.data_modules.table import Entry
from scalemogen.errors import UserError
from scalemogen.files import digest_bytes, digest_json
from scalemogen.motion import Normaliser, get_layout
from scalemogen.motion.layouts.units import METRES, metres_scale
from scalemogen.motion.normaliser import STEADY
from scalemogen.skeletons import get_skeleton

Report = Callable[[str, str, str], None]
"""Takes (clip, reason, detail) of what is set aside: `StoreWriter.quarantine`."""


@dataclass(frozen=True)
class Form:
    """The facts of a published data set that its files do not hold.

    Attributes:
        name: short name, lower case.
        skeleton: name of the skeleton.
        layout: feature layout.
        fps: frames per second.
        unit: frames to a multiple of which the field's loaders cut clips.
        min_frames: fewest frames of an item.
        max_frames: most frames that the field's loaders keep of an item.
        origin: name, licence and citation.
    """

    name: str
    skeleton: str
    layout: str
    fps: float
    unit: int
    min_frames: int
    max_frames: int
    origin: Origin

    @property
    def width(self) -> int:
        """F, the features per frame."""
        return get_layout(self.layout).width(get_skeleton(self.skeleton))

    @cached_property
    def scale(self) -> NDArray[np.float32]:
        """(F,) factors that turn the files' features into the layout's, which is in metres."""
        factors: NDArray[np.float32] = metres_scale(self.skeleton, self.layout).float().numpy()
        return factors

    @property
    def loading(self) -> Loading:
        """Lengths as the field's loaders choose and cut them."""
        return Loading(max_frames=self.max_frames, min_frames=self.min_frames)

    @property
    def protocol(self) -> dict[str, Any]:
        """What an evaluation in the manner of the field must know, as plain values."""
        return {
            "metres_per_unit": METRES[self.skeleton],
            "unit_frames": self.unit,
            "min_frames": self.min_frames,
            "max_frames": self.max_frames,
        }


class PublishedSet(ABC):
    """Abstract reader of a published data set; nothing but lists of names is read before it is asked for.

    Args:
        source: folder of the data set.

    Attributes:
        form: the facts of the data set.
        arrays: name of the folder, or zip archive, of its .npy files.
        lists: its split lists, by split.
        needs: the files it is made of, for messages.
        left_out: items that the field's rules leave out, counted by rule while `read` goes on.

    Raises:
        UserError: the source is no folder, or lacks the arrays or the list of training clips.
    """

    form: ClassVar[Form]
    arrays: ClassVar[str]
    lists: ClassVar[Mapping[str, str]]
    needs: ClassVar[str]

    def __init__(self, source: str | Path) -> None:
        self.source = Path(source)
        self.left_out: Counter[str] = Counter()
        if not self.source.is_dir():
            raise UserError(f"{self.source}: no such folder")
        if not (self.source / self.lists["train"]).is_file():
            raise UserError(f"{self.source}: no {self.lists['train']}; give the folder that holds {self.needs}")
        self._arrays = self.open(self.arrays, ".npy")

    @abstractmethod
    def read(self, names: dict[str, str], report: Report) -> Iterator[list[tuple[Entry, NDArray[np.float32]]]]:
        """Yield for every name its clips with features (T, F) in metres, none or several.

        Args:
            names: the names and their splits.
            report: takes what cannot be used.
        """

    @property
    @abstractmethod
    def statistics_files(self) -> tuple[Path, Path]:
        """Where the published mean and standard deviation lie."""

    @property
    def digest(self) -> str:
        """Changes when a file does."""
        paths = [self.source / name for name in self.lists.values()]
        lists = [digest_bytes(path.read_bytes()) for path in paths if path.is_file()]
        return digest_json([self._arrays.digest, *lists])

    def open(self, name: str, suffix: str) -> MotionFiles:
        """Return the files of a folder of the data set, or of the zip archive of that name beside it."""
        folder = self.source / name
        archive = self.source / f"{name}.zip"
        return MotionFiles(archive if archive.is_file() and not folder.is_dir() else folder, suffix)

    def splits(self) -> tuple[dict[str, str], list[Quarantined]]:
        """Return every listed name with its split, in order, and what is wrong with the lists.

        A name of two splits is used in neither.
        """
        found: dict[str, str] = {}
        several: dict[str, list[str]] = {}
        faults: list[Quarantined] = []
        for split, name in self.lists.items():
            try:
                names = [line.strip() for line in (self.source / name).read_text("utf-8-sig").splitlines()]
            except OSError as error:
                faults.append(Quarantined(name, "unreadable list", error.strerror or str(error)))
                continue
            except UnicodeDecodeError as error:
                faults.append(Quarantined(name, "unreadable list", f"not UTF-8, byte {error.start}"))
                continue
            for clip in filter(None, names):
                if found.setdefault(clip, split) != split:
                    several.setdefault(clip, [found[clip]]).append(split)
        faults += [Quarantined(clip, "in two splits", ", ".join(where)) for clip, where in several.items()]
        return {clip: split for clip, split in found.items() if clip not in several}, faults

    def array(self, name: str) -> NDArray[Any]:
        """Return the features (T, F) of a file by its stem, as they lie there.

        Raises:
            Unusable: the file is missing or damaged, or no table of F numbers a frame.
        """
        file = self._arrays.find(f"{name}.npy")
        if file is None:
            raise Unusable("no file", f"{name}.npy is not in {self._arrays.source.name}")
        try:
            values = read_npy(io.BytesIO(self._arrays.read(file)))
        except (OSError, ValueError) as error:
            raise Unusable("unreadable file", f"{file}: {' '.join(str(error).split())}") from error
        if values.ndim != 2 or values.shape[1] != self.form.width or values.dtype.kind not in "fiu":
            raise Unusable(
                "wrong width", f"{values.dtype} of shape {values.shape}, needed numbers of (frames, {self.form.width})"
            )
        return values

    def in_metres(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Return features (T, F) of a file in the layout's units."""
        scaled: NDArray[np.float32] = np.asarray(features, np.float32) * self.form.scale
        return scaled

    def normaliser(self) -> Normaliser:
        """Return the published statistics in the layout's units; features that do not vary stay unscaled.

        Raises:
            UserError: the files are missing, damaged or of another width.
        """
        found = []
        for path in self.statistics_files:
            try:
                with path.open("rb") as file:
                    values = read_npy(file)
            except (OSError, ValueError) as error:
                raise UserError(
                    f"{path}: no readable statistics ({error}); --statistics computed needs none"
                ) from error
            if values.shape != (self.form.width,) or not np.isfinite(values).all():
                raise UserError(f"{path}: shape {values.shape}; {self.form.width} finite numbers are needed")
            found.append(torch.from_numpy(np.asarray(values, np.float32) * self.form.scale))
        mean, std = found
        return Normaliser(mean, torch.where(std < STEADY, torch.ones_like(std), std))


class Unusable(Exception):
    """A file that cannot be used: reason and detail, for the quarantine."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

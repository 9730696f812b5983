"""The motion store: a folder of columns that opens at once, whatever its size, and is read piece by piece.

store.json          format, facts (skeleton, layout, frame rate, statistics, licence, digests), provenance, counts
quarantine.jsonl    what was left out while building, and why
features.npy        (frames of all clips, F) float32, not normalised; in shards, see chunks.py
starts.npy          (clips,) int64, first row of each clip; not in shards
lengths.npy         (clips,) int64, frames of each clip
splits.npy          (clips,) uint8, index into the split names of store.json
caption_ends.npy    (clips,) int64, end of each clip's captions in the list of all captions
ids, captions, attributes   strings, see columns.TextWriter; attributes as JSON
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from scalemogen.contracts import DataFacts
from scalemogen.data_modules.chunks import INDEX, Chunks
from scalemogen.data_modules.columns import Rows, last_value, open_column, read_texts
from scalemogen.errors import UserError
from scalemogen.files import parse_json

_T = TypeVar("_T")

FORMAT = 1
"""Version of the folder's layout; a store of another version is refused."""

DESCRIPTION = "store.json"
QUARANTINE = "quarantine.jsonl"
_TEXTS = ("ids", "captions", "attributes")
SMALL_FILES = (
    QUARANTINE,
    *("lengths.npy", "splits.npy", "caption_ends.npy"),
    *(f"{name}{part}.npy" for name in _TEXTS for part in ("", "_ends")),
)
"""All of a store but its description and its features."""


@dataclass(frozen=True)
class Origin:
    """Where data comes from and how it may be used; follows the data into every model trained on it.

    Attributes:
        name: of the data set.
        licence: its licence, in a few words.
        citation: how to cite it.

    Raises:
        UserError: a field is blank.
    """

    name: str
    licence: str
    citation: str

    def __post_init__(self) -> None:
        for field, value in asdict(self).items():
            if not value.strip():
                raise UserError(f"origin.{field} is blank: name the data set, its licence and its citation")


@dataclass(frozen=True)
class Quarantined:
    """Something that was kept out of a store.

    Attributes:
        clip: identifier of the clip, or name of the file where there is none.
        reason: in two or three words, the same for all cases of a kind.
        detail: the values that show it.
    """

    clip: str
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.clip}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


class SplitDigest:
    """Running digest over everything that a split's clips hold, in their order."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def update(self, clip: str, features: NDArray[np.float32], captions: list[str], attributes: str) -> None:
        """Add a clip."""
        head = json.dumps([clip, list(features.shape), captions, attributes])
        self._sha.update(head.encode())
        self._sha.update(np.ascontiguousarray(features, "<f4").tobytes())

    def result(self) -> str:
        """Return the first 16 hexadecimal digits."""
        return self._sha.hexdigest()[:16]


class _About(BaseModel):
    """What store.json says beside its format and facts."""

    provenance: dict[str, Any]
    splits: tuple[str, ...]
    clips: int = Field(ge=0)
    frames: int = Field(ge=0)


class MotionStore:
    """A store opened for reading.

    Of its columns, lengths and split codes are read when it is opened, all others piece by piece when they are asked
    for: the processes of a machine share the pages, and a file that is cut meanwhile is an error that names it.

    Args:
        path: folder that a StoreWriter or `export_shards` wrote.

    Attributes:
        path: the folder.
        facts: what a model must know of the data.
        provenance: how the store was made.
        split_names: in the order of first appearance.
        ids: (clips,) identifiers.
        lengths: (clips,) int64 frames.
        split_codes: (clips,) uint8 index into `split_names`.

    Raises:
        UserError: the folder is missing, foreign, of another format version, or damaged; names the file and the reason.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        description = _read_description(self.path)
        self.facts: DataFacts = _parse(self.path, lambda: DataFacts.from_dict(description["facts"]))
        about = _parse(self.path, lambda: _About.model_validate(description))
        self.provenance: Mapping[str, Any] = about.provenance
        self.split_names: tuple[str, ...] = about.splits
        clips, frames = about.clips, about.frames
        self.lengths: NDArray[np.int64] = open_column(self.path / "lengths.npy", np.int64, clips).all()
        if (shortest := self.lengths.min(initial=1)) < 1:
            raise UserError(f"{self.path / 'lengths.npy'}: damaged, it has a clip of {shortest} frames")
        sharded = (self.path / INDEX).is_file()
        self._features = Chunks(self.path, clips) if sharded else Rows(self.path, clips, frames, self.width)
        self.split_codes: NDArray[np.uint8] = open_column(self.path / "splits.npy", np.uint8, clips).all()
        self._caption_ends = open_column(self.path / "caption_ends.npy", np.int64, clips)
        self.ids = read_texts(self.path, "ids", clips)
        self._captions = read_texts(self.path, "captions", last_value(self._caption_ends))
        self._attributes = read_texts(self.path, "attributes", clips)

    @classmethod
    def open(cls, path: str | Path) -> MotionStore:
        """Open a store for reading."""
        return cls(path)

    def __reduce__(self) -> tuple[type[MotionStore], tuple[Path]]:
        return MotionStore, (self.path,)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def width(self) -> int:
        """F, features of a frame."""
        return len(self.facts.mean)

    def clip(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Return the features (T, F) of a clip, or of its frames `start` to `stop` - 1: read-only, not normalised.

        Raises:
            UserError: the file does not hold them; names it.
        """
        index = range(len(self))[index]
        frames = int(self.lengths[index])
        start, stop, _ = slice(start, stop).indices(frames)
        return self._features.clip(index, (frames, self.width), start, max(start, stop))

    def split(self, index: int) -> str:
        """Return the split of a clip.

        Raises:
            UserError: the store does not know it.
        """
        code = int(self.split_codes[index])
        if code >= len(self.split_names):
            raise UserError(f"{self.path}: damaged, clip {index} is in split {code} of {len(self.split_names)}")
        return self.split_names[code]

    def indices(self, split: str) -> NDArray[np.int64]:
        """Return the clips of a split, in the order of the store.

        Raises:
            UserError: no such split.
        """
        if split not in self.split_names:
            raise UserError(f"{self.path}: no split {split!r}; it has {', '.join(self.split_names)}")
        return np.flatnonzero(self.split_codes == self.split_names.index(split))

    def captions(self, index: int) -> list[str]:
        """Return the captions of a clip; none where the data has none."""
        start, end = self._caption_range(index)
        return self._captions[start:end]

    def caption(self, index: int, choice: float = 0.0) -> str:
        """Return one caption of a clip: the one at the fraction `choice` in [0, 1) of its list, "" if it has none."""
        start, end = self._caption_range(index)
        return self._captions[start + int(choice * (end - start))] if start < end else ""

    def _caption_range(self, index: int) -> tuple[int, int]:
        index = range(len(self))[index]
        ends = self._caption_ends.rows(max(index - 1, 0), index + 1).tolist()
        start, end = ends if index else (0, *ends)
        if not 0 <= start <= end <= len(self._captions):
            raise UserError(f"{self._caption_ends.path}: damaged, clip {index} has captions {start} to {end}")
        return start, end

    def attributes(self, index: int) -> dict[str, Any]:
        """Return the attributes of a clip."""
        text = self.raw_attributes(index)
        value: dict[str, Any] = _parse(self.path, lambda: dict(parse_json(text)), "attributes.npy")
        return value

    def raw_attributes(self, index: int) -> str:
        """Return the attributes of a clip as the JSON text in the store."""
        return self._attributes[index]

    def index(self, clip: str) -> int:
        """Return the position of a clip.

        Raises:
            UserError: no such clip.
        """
        try:
            return self._positions[clip]
        except KeyError:
            raise UserError(
                f"{self.path}: no clip {clip!r} among its {len(self)} clips, {self.ids[0]!r} first"
            ) from None

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {clip: i for i, clip in enumerate(self.ids)}

    @cached_property
    def quarantine(self) -> list[Quarantined]:
        """What was left out while building."""
        lines = _read_text(self.path / QUARANTINE).splitlines()
        return _parse(self.path, lambda: [Quarantined(**parse_json(line)) for line in lines], QUARANTINE)


def is_store(path: Path) -> bool:
    """Tell whether a folder holds a finished store of this format (stores are renamed into place when complete)."""
    try:
        return int(_read_description(path)["format"]) == FORMAT
    except UserError:
        return False


def write_quarantine(path: Path, records: Iterable[Quarantined]) -> None:
    """Write one JSON object a line."""
    path.write_text("".join(json.dumps(asdict(record), ensure_ascii=False) + "\n" for record in records), "utf-8")


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); delete the folder and build it again") from error


def _read_description(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise UserError(
            f"no motion store at {path}: build one with `scalemogen data synthetic` or `scalemogen data bvh`"
        )
    if not (path / DESCRIPTION).is_file():
        raise UserError(f"{path} is not a motion store: {DESCRIPTION} is missing")
    text = _read_text(path / DESCRIPTION)
    version = _parse(path, lambda: parse_json(text)["format"])
    if version != FORMAT:
        raise UserError(
            f"{path}: store format {version!r}, this version reads {FORMAT}; delete the folder and build it again"
        )
    value: dict[str, Any] = parse_json(text)
    return value


def _parse(path: Path, read: Callable[[], _T], name: str = DESCRIPTION) -> _T:
    try:
        return read()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path / name}: damaged ({type(error).__name__}: {error}); delete the folder and build it again"
        ) from error

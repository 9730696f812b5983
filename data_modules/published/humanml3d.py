"""HumanML3D, and KIT-ML in the same form: `new_joint_vecs`, `texts`, lists of names, `Mean.npy` and `Std.npy`.

A line of a text is `caption#word/TAG word/TAG ...#start#end`. Where start and end, in seconds, are both 0 the caption
tells of the whole clip; otherwise the part it tells of becomes a clip of its own, with a letter before the name.
"""

from __future__ import annotations

import math
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scalemogen.data_modules.published.form import Form, PublishedSet, Report, Unusable
from scalemogen.data_modules.store import Origin
from scalemogen.data_modules.table import NOT_UTF8, Entry
from scalemogen.errors import UserError
from scalemogen.files import digest_json

LONGEST = 200
"""Frames from which on the field's loaders leave a clip out."""

HUMANML3D = Form(
    name="humanml3d",
    skeleton="humanml3d",
    layout="humanml3d-published",
    fps=20.0,
    unit=4,
    min_frames=40,
    max_frames=196,
    origin=Origin(
        "HumanML3D",
        "texts and code MIT; motions under the licences of AMASS and HumanAct12, non-commercial research only",
        "Guo et al., Generating Diverse and Natural 3D Human Motions from Text, CVPR 2022",
    ),
)

KIT = Form(
    name="kit",
    skeleton="kit",
    layout="humanml3d-published",
    fps=12.5,
    unit=4,
    min_frames=24,
    max_frames=196,
    origin=Origin(
        "KIT-ML",
        "research use, see https://motion-annotation.humanoids.kit.edu/dataset",
        "Plappert, Mandery and Asfour, The KIT Motion-Language Dataset, Big Data 2016",
    ),
)


@dataclass(frozen=True)
class Line:
    """One caption.

    Attributes:
        caption: as written.
        tagged: its words with their parts of speech, "a/DET person/NOUN ...".
        start, end: seconds; both 0 for the whole clip.
    """

    caption: str
    tagged: str
    start: float
    end: float

    @property
    def whole(self) -> bool:
        """True if the caption tells of the whole clip."""
        return self.start == 0.0 and self.end == 0.0


def parse_line(text: str) -> Line:
    """Read a line of a text file; NaN as start or end means 0.

    Raises:
        Unusable: not four fields, times that are no numbers or not in order, or a blank caption.
    """
    fields = text.strip().rsplit("#", 3)
    try:
        caption, tagged, *times = fields
        start, end = (0.0 if math.isnan(seconds) else seconds for seconds in map(float, times))
    except ValueError:
        raise Unusable("malformed caption", f"{text.strip()!r:.80}: needed caption#tagged#start#end") from None
    line = Line(caption.strip(), tagged.strip(), start, end)
    if not line.caption:
        raise Unusable("empty caption", f"{text.strip()!r:.80}")
    if not (line.whole or 0.0 <= start < end < math.inf):
        raise Unusable("wrong time tag", f"{start:g} s to {end:g} s: {line.caption!r:.60}")
    return line


class HumanML3DSet(PublishedSet):
    """Reader of HumanML3D.

    Clips become items as in the field's loaders: those of fewer than `form.min_frames` or of 200 frames and more are
    left out with all their parts, as are parts of such lengths; parts come before the clip they are from. Their letters
    count up where the loaders draw them at random. Captions of a clip keep their order; the attribute "tagged" holds
    their tagged words, one string for each caption.

    Args:
        source: folder with `new_joint_vecs` and `texts` (or zip archives of these names) and `train.txt`, `val.txt`,
            `test.txt`.
    """

    form: ClassVar[Form] = HUMANML3D
    arrays: ClassVar[str] = "new_joint_vecs"
    lists: ClassVar[Mapping[str, str]] = {"train": "train.txt", "val": "val.txt", "test": "test.txt"}
    needs: ClassVar[str] = "new_joint_vecs, texts, train.txt, val.txt and test.txt"

    def __init__(self, source: str | Path) -> None:
        super().__init__(source)
        self._texts = self.open("texts", ".txt")

    @property
    def digest(self) -> str:
        """Changes when a file does."""
        return digest_json([super().digest, self._texts.digest])

    @property
    def statistics_files(self) -> tuple[Path, Path]:
        """Where the published mean and standard deviation lie."""
        return self.source / "Mean.npy", self.source / "Std.npy"

    def read(self, names: dict[str, str], report: Report) -> Iterator[list[tuple[Entry, NDArray[np.float32]]]]:
        """Yield the clips of every name; see `PublishedSet.read`."""
        for name, split in names.items():
            try:
                motion = self.array(name)
                found = list(self._clips(name, split, motion, report)) if self._fits(len(motion), "clips") else []
            except Unusable as error:
                report(name, error.reason, error.detail)
                found = []
            yield found

    def lines(self, name: str, report: Report) -> list[Line]:
        """Return the usable lines of a text.

        Raises:
            Unusable: there is no text, it is not UTF-8, or none of its lines can be used.
        """
        file = self._texts.find(f"{name}.txt")
        if file is None:
            raise Unusable("no text", f"{name}.txt is not in {self._texts.source.name}")
        try:
            text = self._texts.read(file).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Unusable(NOT_UTF8, f"{file}, byte {error.start}") from error
        except UserError as error:
            raise Unusable("unreadable text", str(error)) from error
        found = []
        for line in filter(str.strip, text.splitlines()):
            try:
                found.append(parse_line(line))
            except Unusable as error:
                report(name, error.reason, f"{error.detail}; the line is left out")
        if not found:
            raise Unusable("no caption", f"{file} holds no usable line")
        return found

    def _clips(
        self, name: str, split: str, motion: NDArray[Any], report: Report
    ) -> Iterator[tuple[Entry, NDArray[np.float32]]]:
        lines = self.lines(name, report)
        letters = iter(string.ascii_uppercase)
        for line in lines:
            if not line.whole and (frames := self._part(name, line, len(motion), report)):
                entry = _entry(f"{next(letters)}_{name}", name, split, [line])
                yield entry, self.in_metres(motion[frames])
        whole = [line for line in lines if line.whole]
        if whole:
            yield _entry(name, name, split, whole), self.in_metres(motion)

    def _part(self, name: str, line: Line, frames: int, report: Report) -> slice | None:
        """Return the frames that a tag means, None if it means none or too few or too many."""
        start, stop = int(line.start * self.form.fps), int(line.end * self.form.fps)
        told = f"{line.start:g} s to {line.end:g} s of {frames / self.form.fps:g} s: {line.caption!r:.60}"
        if start >= frames:
            report(name, "time tag outside", f"{told}; the part is left out")
            return None
        if stop > frames + 1:  # features have one frame less than the motion that was tagged
            report(name, "time tag outside", f"{told}; the part ends with the clip")
        return slice(start, stop) if self._fits(min(stop, frames) - start, "tagged parts") else None

    def _fits(self, frames: int, kind: str) -> bool:
        if frames < self.form.min_frames:
            self.left_out[f"{kind} shorter than {self.form.min_frames} frames"] += 1
        elif frames >= LONGEST:
            self.left_out[f"{kind} of {LONGEST} frames or more"] += 1
        else:
            return True
        return False


class KITSet(HumanML3DSet):
    """Reader of KIT-ML in the form of HumanML3D's tools; see `HumanML3DSet`."""

    form: ClassVar[Form] = KIT


def _entry(clip: str, file: str, split: str, lines: Sequence[Line]) -> Entry:
    captions = tuple(line.caption for line in lines)
    return Entry(clip, f"{file}.npy", split, captions, {"tagged": [line.tagged for line in lines]})

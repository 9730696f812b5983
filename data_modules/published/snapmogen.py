"""SnapMoGen: `renamed_feats`, captions in one JSON file, lists of clips in `data_split_info`, `meta_data`.

A clip is named SEQUENCE#START#END: frames START to END of the sequence's features. Mirrored sequences are published
too, their names beginning with "m_".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scalemogen.data_modules.published.form import Form, PublishedSet, Report, Unusable
from scalemogen.data_modules.store import Origin
from scalemogen.data_modules.table import BYTES_KEPT, NOT_UTF8, Entry, is_text
from scalemogen.errors import UserError
from scalemogen.files import digest_bytes, digest_json

SNAPMOGEN = Form(
    name="snapmogen",
    skeleton="snapmogen",
    layout="snapmogen",
    fps=30.0,
    unit=8,
    min_frames=128,
    max_frames=320,
    origin=Origin(
        "SnapMoGen",
        "Snap Inc. Non-Commercial License, research only",
        "Guo et al., SnapMoGen: Human Motion Generation from Expressive Texts, arXiv 2507.09122, 2025",
    ),
)

CAPTIONS = "all_caption_clean.json"
WRITERS = {"manual": "human", "gpt": "llm"}
"""Keys of a clip's captions in the order in which the field's loader joins them, and who wrote them."""


class SnapMoGenSet(PublishedSet):
    """Reader of SnapMoGen. Captions by people come first, then the rewritten ones; "writers" tells which is which.

    Clips of all lengths are kept: the field's loaders leave out those of fewer than 128 frames (120 for the evaluator),
    which is `min_frames` of the loading here.

    Args:
        source: folder with `renamed_feats` (or a zip archive of that name), `all_caption_clean.json` and
            `data_split_info/train_ids.txt`, `val_ids.txt`, `test_ids.txt`.
    """

    form: ClassVar[Form] = SNAPMOGEN
    arrays: ClassVar[str] = "renamed_feats"
    lists: ClassVar[Mapping[str, str]] = {
        split: f"data_split_info/{split}_ids.txt" for split in ("train", "val", "test")
    }
    needs: ClassVar[str] = f"renamed_feats, {CAPTIONS} and data_split_info"

    @property
    def digest(self) -> str:
        """Changes when a file does."""
        return digest_json([super().digest, digest_bytes(self._text)])

    @property
    def statistics_files(self) -> tuple[Path, Path]:
        """Where the published mean and standard deviation lie."""
        return self.source / "meta_data" / "mean.npy", self.source / "meta_data" / "std.npy"

    @property
    def _text(self) -> bytes:
        try:
            return (self.source / CAPTIONS).read_bytes()
        except OSError as error:
            raise UserError(f"{self.source / CAPTIONS}: cannot be read ({error.strerror})") from error

    @cached_property
    def captions(self) -> dict[str, Any]:
        """The captions of every clip.

        Raises:
            UserError: the file is missing or no JSON object.
        """
        try:
            value = json.loads(self._text.decode("utf-8-sig", BYTES_KEPT))
        except ValueError as error:
            raise UserError(f"{self.source / CAPTIONS}: not JSON in UTF-8 ({error})") from error
        if not isinstance(value, dict):
            raise UserError(f"{self.source / CAPTIONS}: a JSON object with the captions of each clip is needed")
        return value

    def read(self, names: dict[str, str], report: Report) -> Iterator[list[tuple[Entry, NDArray[np.float32]]]]:
        """Yield the clip of every name; see `PublishedSet.read`."""
        # Clips of one sequence follow one another: its file is opened once.
        opened, motion = "", np.zeros((0, 0), np.float32)
        for name, split in names.items():
            try:
                sequence, start, end = parse_name(name)
                if sequence != opened:
                    motion, opened = self.array(sequence), sequence
                if end > len(motion):
                    raise Unusable("range outside", f"{sequence}.npy has {len(motion)} frames")
                yield [(self._entry(name, sequence, split, report), self.in_metres(motion[start:end]))]
            except Unusable as error:
                report(name, error.reason, error.detail)
                yield []

    def _entry(self, name: str, sequence: str, split: str, report: Report) -> Entry:
        told = self.captions.get(name)
        if not isinstance(told, dict):
            raise Unusable("no text", f"{CAPTIONS} does not have the clip")
        captions: list[str] = []
        writers: list[str] = []
        for key, writer in WRITERS.items():
            found = told.get(key, [])
            if not _is_list_of_strings(found):
                raise Unusable("malformed caption", f"{key!r} is no list of sentences in {CAPTIONS}")
            readable = [caption for caption in found if is_text(caption)]
            if len(readable) < len(found):
                report(name, NOT_UTF8, f"{len(found) - len(readable)} of {key!r}; left out")
            kept = [caption for caption in readable if caption.strip()]
            if len(kept) < len(readable):
                report(name, "empty caption", f"{len(readable) - len(kept)} of {key!r}; left out")
            captions += kept
            writers += [writer] * len(kept)
        if not captions:
            raise Unusable("no caption", f"{CAPTIONS} has no sentence for it")
        return Entry(name, f"{sequence}.npy", split, tuple(captions), {"writers": writers})


def parse_name(name: str) -> tuple[str, int, int]:
    """Cut SEQUENCE#START#END.

    Raises:
        Unusable: not of this form, or an empty range.
    """
    sequence, *numbers = name.split("#")
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        raise Unusable("malformed name", f"{name!r}: needed SEQUENCE#START#END")
    start, end = map(int, numbers)
    if start >= end:
        raise Unusable("range outside", f"frames {start} to {end}")
    return sequence, start, end


def _is_list_of_strings(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(item, str) for item in value)

"""Word features of a frozen encoder on disk, computed once; processes share the pages that they read.

A cache folder holds one folder for each encoder digest and precision; in it, `segment-NNNNN` folders that are written
whole, renamed into place and never changed: a killed build loses the segment in work and nothing else, readers need
no lock, and the processes of a machine share the pages. A segment of n captions has

    tokens.npy    (words of all its captions, E) float32 or float16, caption after caption
    offsets.npy   (n + 1,) int64: words offsets[i] to offsets[i + 1] are caption i's
    keys.npy      (n,) uint64: digests of the captions
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Never

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray
from tqdm import tqdm

from scalemogen.arrays import ArrayFile
from scalemogen.contracts import TextFeatures
from scalemogen.errors import UserError
from scalemogen.files import atomic_path, digest_bytes, lock
from scalemogen.text.encoder import QUOTED, TextEncoder, printable

SEGMENT = 4096  # captions a segment; what a killed build loses at most

_log = logging.getLogger(__name__)


class TextFeatureCache:
    """Features of captions by their text, for one frozen encoder.

    In a distributed run one process calls `build` while the others wait at a barrier; then each calls `lookup`, which
    finds what was built after the cache was opened. Builds that meet all the same take turns.

    Args:
        folder: of the cache; made when needed. Encoders and precisions do not mix: each has its own folder in it.
        encoder: a frozen encoder. Its network is loaded only if `build` finds something missing.
        dtype: of the stored features; float16 halves the disk space.

    Raises:
        UserError: an encoder that is trained, or a damaged cache.
    """

    def __init__(
        self, folder: str | Path, encoder: TextEncoder, *, dtype: Literal["float32", "float16"] = "float32"
    ) -> None:
        if not encoder.frozen:
            raise UserError(
                f"features of the {encoder.kind} text encoder change while it is trained; do not cache them"
            )
        if dtype not in ("float32", "float16"):
            raise UserError(f"dtype of the text cache is '{dtype}'; it must be float32 or float16")
        self.folder = Path(folder) / f"{encoder.kind}-{encoder.digest}-{dtype}"
        self.encoder = encoder
        self.dtype = np.dtype(dtype)
        self._tokens: list[ArrayFile] = []
        self._rows: dict[int, tuple[int, int, int]] = {}  # key -> segment, first word, end
        self._refresh()

    def __len__(self) -> int:
        return len(self._rows)

    def missing(self, captions: Iterable[str]) -> list[str]:
        """Return the captions that are not in the cache, each once, in order."""
        self._refresh()
        return [caption for caption in dict.fromkeys(captions) if _key(caption) not in self._rows]

    def build(self, captions: Iterable[str], *, batch_size: int = 64, progress: bool = True) -> int:
        """Compute and store the features of the captions that are missing, where the encoder is.

        Captions over the encoder's limit are truncated, and this is logged.

        Args:
            captions: any captions, repeated or not.
            batch_size: captions in one pass of the encoder.
            progress: show a progress bar.

        Returns:
            The number of captions added.

        Raises:
            UserError: the cache cannot be written (missing permission, full disk); what it held stays valid.
        """
        captions = list(captions)
        if not self.missing(captions):
            return 0
        with self._alone():
            # Of similar length together, so that little is padded; the longest first, so that memory runs out at once.
            lengths = {caption: len(self.encoder.tokenise([caption], True)[0]) for caption in self.missing(captions)}
            todo = sorted(lengths, key=lambda caption: (-lengths[caption], caption))
            with tqdm(total=len(todo), desc="text features", unit="caption", disable=not progress) as bar:
                for start in range(0, len(todo), SEGMENT):
                    part = todo[start : start + SEGMENT]
                    self._write(part, [lengths[caption] for caption in part], batch_size, bar)
                    self._refresh()
        _log.info("text cache %s: %d captions added, %d in all", self.folder, len(todo), len(self))
        return len(todo)

    def lookup(self, captions: Sequence[str], device: torch.device | str = "cpu") -> TextFeatures:
        """Return the features of B captions, as the encoder would, without running it.

        Returns:
            (B, S, E) float32, S the words of the longest caption.

        Raises:
            UserError: a caption is not in the cache.
        """
        if not captions:
            raise ValueError("no captions to look up")
        found = [self._find(caption) for caption in captions]
        longest = max(end - start for _, start, end in found)
        tokens = np.zeros((len(found), longest, self.encoder.width), dtype=np.float32)
        mask = np.zeros((len(found), longest), dtype=np.bool_)
        for row, (segment, start, end) in enumerate(found):
            tokens[row, : end - start] = self._tokens[segment].rows(start, end)
            mask[row, : end - start] = True
        return TextFeatures(torch.from_numpy(tokens), torch.from_numpy(mask)).to(device)

    def _find(self, caption: str) -> tuple[int, int, int]:
        key = _key(caption)
        if key not in self._rows:
            self._refresh()
        if key not in self._rows:
            raise UserError(f"caption '{caption[:QUOTED]}' is not in the text cache {self.folder}; build it first")
        return self._rows[key]

    def _segments(self) -> list[Path]:
        return sorted(self.folder.glob("segment-*"))

    def _refresh(self) -> None:
        for segment in self._segments()[len(self._tokens) :]:
            try:
                tokens = ArrayFile(segment / "tokens.npy")
                offsets, keys = (ArrayFile(segment / name).all() for name in ("offsets.npy", "keys.npy"))
            except (OSError, ValueError) as error:
                raise UserError(f"{segment} is damaged ({error}); delete {self.folder} and build again") from error
            if len(offsets) != len(keys) + 1 or tokens.shape != (offsets[-1], self.encoder.width):
                raise UserError(f"{segment} is damaged (its files do not fit); delete {self.folder} and build again")
            spans = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
            self._rows |= {
                key: (len(self._tokens), start, end) for key, (start, end) in zip(keys.tolist(), spans, strict=True)
            }
            self._tokens.append(tokens)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other builds out; the lock of a killed process is free."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "lock").open("w") as held:
                lock(held.fileno(), self.folder)
                for leftover in self.folder.glob(".*.tmp"):
                    shutil.rmtree(leftover, ignore_errors=True)
                yield
        except OSError as error:
            raise UserError(f"cannot write the text cache {self.folder}: {error.strerror or error}") from error

    def _write(self, captions: list[str], lengths: list[int], batch_size: int, bar: tqdm[Never]) -> None:
        about = self.folder / "encoder.json"
        if not about.exists():
            with atomic_path(about) as temporary:
                temporary.write_text(json.dumps(self.encoder.config(), indent=1))
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        with atomic_path(self.folder / f"segment-{len(self._tokens):05d}") as segment:
            segment.mkdir()
            np.save(segment / "offsets.npy", offsets)
            np.save(segment / "keys.npy", np.array([_key(caption) for caption in captions], dtype=np.uint64))
            # Written piece by piece, not through a memory map: on a full disk the latter dies of a signal.
            with (segment / "tokens.npy").open("wb") as file:
                shape = (int(offsets[-1]), self.encoder.width)
                header = {"descr": npy.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
                npy.write_array_header_2_0(file, header)
                for start in range(0, len(captions), batch_size):
                    batch = captions[start : start + batch_size]
                    file.write(self._compute(batch))
                    bar.update(len(batch))

    def _compute(self, captions: list[str]) -> bytes:
        """Return the words of all captions, one after the other, as they are stored."""
        features = self.encoder(captions, truncate=True)
        words: NDArray[np.float32] = features.tokens[features.mask].cpu().numpy()
        if not np.isfinite(words).all() or np.abs(words).max() > np.finfo(self.dtype).max:
            raise UserError(f"the {self.encoder.kind} text encoder gives values that {self.dtype} cannot hold")
        return words.astype(self.dtype).tobytes()


def _key(caption: str) -> int:
    return int(digest_bytes(printable(caption).encode()), 16)

"""Latents of a frozen tokenizer on disk, computed once; processes share the pages that they read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from scalemogen.arrays import ArrayFile
from scalemogen.contracts import MotionBatch
from scalemogen.errors import UserError
from scalemogen.files import digest_json, locked, parse_json, work_folder
from scalemogen.tokenizer import MotionTokenizer
from scalemogen.weights import digest_state

VERSION = 1


class LatentCache:
    """What a frozen tokenizer makes of the clips that every epoch shows alike.

    A cache folder holds one folder for each tokenizer and data, named by a digest; in it

        latents.npy   (cells of all clips, G, D) float32, clip after clip
        clips.json    the clips' identifiers, and their lengths in frames

    The folder appears when it is complete. The processes of a machine share its pages.

    Args:
        folder: of all caches.
        tokenizer: the frozen one.
        data: what names the data and how it is cut, JSON-able.
    """

    def __init__(self, folder: str | Path, tokenizer: MotionTokenizer, data: object) -> None:
        self._tokenizer = tokenizer
        spec = tokenizer.spec
        digest = digest_json([VERSION, digest_state(tokenizer.state_dict()), spec.to_dict(), data])
        self.path = Path(folder) / digest
        self._latents: ArrayFile
        self._first: NDArray[np.int64]
        self._rows: dict[str, int] = {}
        self._lengths: list[int] = []

    def build(self, batches: Iterable[MotionBatch], progress: bool = True) -> None:
        """Compute and store the latents of all clips, unless that was done before, where the tokenizer is.

        Args:
            batches: each clip once, as every epoch shows it.
            progress: show a bar.

        Raises:
            UserError: the folder cannot be written.
        """
        with locked(self.path):
            if self.path.exists():
                return
            clips: list[str] = []
            lengths: list[int] = []
            with work_folder(self.path) as folder:
                # Written piece by piece, not through a memory map: on a full disk the latter dies of a signal.
                with (folder / "cells").open("wb") as file:
                    for batch in tqdm(batches, "latents", unit="batch", disable=not progress):
                        file.write(self._compute(batch).numpy().tobytes())
                        clips += batch.clip_ids
                        lengths += batch.lengths.tolist()
                spec = self._tokenizer.spec
                cells = np.fromfile(folder / "cells", np.float32).reshape(-1, spec.parts, spec.bits)
                np.save(folder / "latents.npy", cells)
                (folder / "cells").unlink()
                (folder / "clips.json").write_text(json.dumps({"clips": clips, "lengths": lengths}))

    def open(self) -> None:
        """Read what `build` has written.

        Raises:
            UserError: it is not there, or damaged.
        """
        spec = self._tokenizer.spec
        try:
            self._latents = ArrayFile(self.path / "latents.npy")
            held = parse_json((self.path / "clips.json").read_bytes())
            clips, self._lengths = held["clips"], held["lengths"]
            cells = -(-np.array(self._lengths, np.int64) // spec.frames_per_cell)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.path} is damaged ({error}); delete it, and it is made again") from error
        if len(clips) != len(cells) or self._latents.shape != (cells.sum(), spec.parts, spec.bits):
            raise UserError(f"{self.path} is damaged (its files do not fit); delete it, and it is made again")
        self._first = cells.cumsum() - cells
        self._rows = {clip: row for row, clip in enumerate(clips)}

    def encode(self, batch: MotionBatch) -> Tensor:
        """Return the latents (B, N, G, D) of a batch; those of clips cut or changed at random are computed."""
        lengths = batch.lengths.tolist()
        rows = [self._row(clip, length) for clip, length in zip(batch.clip_ids, lengths, strict=True)]
        if batch.altered or all(row is None for row in rows):
            z: Tensor = self._tokenizer.encode(batch.features, batch.lengths)
            return z
        z = self._read(rows, lengths).to(batch.features.device)
        missing = [position for position, row in enumerate(rows) if row is None]
        if missing:
            index = torch.tensor(missing, device=z.device)
            fresh = self._tokenizer.encode(batch.features[index], batch.lengths[index]).to(z.dtype)
            z[index, : fresh.shape[1]] = fresh
        return z

    def _row(self, clip: str, length: int) -> int | None:
        row = self._rows.get(clip)
        return None if row is None or self._lengths[row] != length else row

    def _read(self, rows: list[int | None], lengths: list[int]) -> Tensor:
        """Return (B, N, G, D), zero for clips without a row and outside the motions."""
        cells = -(-np.array(lengths) // self._tokenizer.spec.frames_per_cell)
        z = np.zeros((len(rows), int(cells.max()), *self._latents.shape[1:]), np.float32)
        for latent, row, count in zip(z, rows, cells.tolist(), strict=True):
            if row is not None:
                first = int(self._first[row])
                latent[:count] = self._latents.rows(first, first + count)
        return torch.from_numpy(z)

    @torch.no_grad()
    def _compute(self, batch: MotionBatch) -> Tensor:
        """Return (cells of all clips, G, D), clip after clip."""
        device = self._tokenizer.project_in.weight.device
        lengths = batch.lengths.to(device)
        z = self._tokenizer.encode(batch.features.to(device), lengths)
        return z[self._tokenizer.pyramid.latent_mask(lengths, z.shape[1])].float().cpu()

"""The bits that a motion was decoded from, for the picture in the viewer page."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np

from scalemogen.contracts import TokenMaps, TokenSpec


@dataclass(frozen=True)
class TokenPyramid:
    """The bits of one motion.

    Attributes:
        spec: the token grid.
        maps: bits of every scale, batches of one.
        fps: frames per second of the model; those of the motion may be others.
    """

    spec: TokenSpec
    maps: TokenMaps
    fps: float

    def to_document(self) -> list[dict[str, Any]]:
        """Return what viewer.js draws, coarse to fine.

        Returns:
            Per scale the time cells inside the motion, groups, bits a token, the seconds that a cell lasts, and the
            bits as base64 of one byte each, time outermost, then group.
        """
        found = []
        for scale, (size, groups) in enumerate(self.spec.sizes):
            bits, valid = self.maps.bits[scale][0], self.maps.valid[scale][0]
            inside = np.asarray(bits[valid].cpu(), dtype=np.uint8)
            found.append(
                {
                    "cells": len(inside),
                    "groups": groups,
                    "bits": self.spec.bits,
                    "seconds": self.spec.max_frames / size / self.fps,
                    "data": base64.b64encode(inside.tobytes()).decode("ascii"),
                }
            )
        return found


def split_tokens(spec: TokenSpec, batches: list[TokenMaps], fps: float) -> list[TokenPyramid]:
    """Return the bits of every motion of several batches, in their order."""
    return [TokenPyramid(spec, maps[row : row + 1], fps) for maps in batches for row in range(len(maps.valid[0]))]

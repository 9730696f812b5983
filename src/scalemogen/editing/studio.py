"""What every way of making motion of motions takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from scalemogen.cleaning import clean_feet
from scalemogen.contracts import DataFacts
from scalemogen.editing.editor import Editor
from scalemogen.motion import FeatureLayout, Motion, get_layout

BLEND_SECONDS = 0.5
"""Time over which new motion comes in and goes out again, inside the frames that may change."""

CONTEXT_SECONDS = 1.0
"""What a new sentence sees of the motion before it: enough to go on from, little enough to follow the sentence."""


@dataclass(frozen=True)
class Studio:
    """What making timelines takes.

    Attributes:
        editor: the model.
        facts: of its training data.
        sampling: guidance and temperature.
        clean: whether feet are kept from sliding in what is made; see `cleaning.clean_feet`.
    """

    editor: Editor
    facts: DataFacts
    sampling: Mapping[str, float]
    clean: bool = True

    @property
    def layout(self) -> FeatureLayout:
        """Feature layout of the model."""
        return get_layout(self.facts.layout)

    @property
    def blend_frames(self) -> int:
        """Frames over which new motion comes in."""
        return round(BLEND_SECONDS * self.facts.fps)

    def cleaned(self, motion: Motion, made: Tensor | None = None) -> Motion:
        """Return the motion with feet that stand still, if they are to, where `made` (T, J) is above 0."""
        return clean_feet(motion, made) if self.clean else motion

    @property
    def context_frames(self) -> int:
        """Frames of CONTEXT_SECONDS."""
        return round(CONTEXT_SECONDS * self.facts.fps)

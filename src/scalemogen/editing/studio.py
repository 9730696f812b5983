"""What every way of making motion of motions takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scalemogen.contracts import DataFacts
from scalemogen.editing.editor import Editor
from scalemogen.motion import FeatureLayout, get_layout

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
    """

    editor: Editor
    facts: DataFacts
    sampling: Mapping[str, float]

    @property
    def layout(self) -> FeatureLayout:
        """Feature layout of the model."""
        return get_layout(self.facts.layout)

    @property
    def blend_frames(self) -> int:
        """Frames over which new motion comes in."""
        return round(BLEND_SECONDS * self.facts.fps)

    @property
    def context_frames(self) -> int:
        """Frames of CONTEXT_SECONDS."""
        return round(CONTEXT_SECONDS * self.facts.fps)

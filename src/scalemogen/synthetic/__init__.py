"""Procedural full-body motion over the humanml3d skeleton, with sentences and checkable attributes."""

from scalemogen.synthetic.actions import ACTIONS, Action
from scalemogen.synthetic.acts import Act, mirrored_attributes
from scalemogen.synthetic.captions import describe
from scalemogen.synthetic.checks import check
from scalemogen.synthetic.generate import SyntheticClip, generate_clip, synthetic_clips
from scalemogen.synthetic.style import STYLES

__all__ = [
    "ACTIONS",
    "STYLES",
    "Act",
    "Action",
    "SyntheticClip",
    "check",
    "describe",
    "generate_clip",
    "mirrored_attributes",
    "synthetic_clips",
]

"""Feature layouts: joints to features and back."""

from __future__ import annotations

from scalemogen.errors import UserError
from scalemogen.motion.layouts.base import FeatureLayout
from scalemogen.motion.layouts.humanml3d import HumanML3DLayout
from scalemogen.motion.layouts.published import PublishedHumanML3DLayout
from scalemogen.motion.layouts.snapmogen import SnapMoGenLayout

__all__ = ["LAYOUTS", "FeatureLayout", "HumanML3DLayout", "PublishedHumanML3DLayout", "SnapMoGenLayout", "get_layout"]

LAYOUTS: dict[str, FeatureLayout] = {
    layout.name: layout for layout in (HumanML3DLayout(), PublishedHumanML3DLayout(), SnapMoGenLayout())
}


def get_layout(name: str) -> FeatureLayout:
    """Return the feature layout of that name.

    Raises:
        UserError: no such layout.
    """
    if name not in LAYOUTS:
        raise UserError(f"feature layout {name!r} is not known; allowed: {', '.join(LAYOUTS)}")
    return LAYOUTS[name]

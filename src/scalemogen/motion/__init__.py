"""Motion of one person: the record, BVH reading, feature layouts to joints and back, normalising, mirroring."""

from scalemogen.motion.layouts import LAYOUTS, FeatureLayout, get_layout
from scalemogen.motion.record import WRITERS, Motion, register_writer

__all__ = ["LAYOUTS", "WRITERS", "FeatureLayout", "Motion", "get_layout", "register_writer"]

"""Motion of one person: the record, BVH reading, feature layouts to joints and back, normalising, mirroring."""

from scalemogen.motion.bvh import read_bvh
from scalemogen.motion.layouts import LAYOUTS, FeatureLayout, get_layout
from scalemogen.motion.normaliser import Normaliser
from scalemogen.motion.record import WRITERS, Motion, register_writer
from scalemogen.motion.rigid import make_rigid

__all__ = [
    "LAYOUTS",
    "WRITERS",
    "FeatureLayout",
    "Motion",
    "Normaliser",
    "get_layout",
    "make_rigid",
    "read_bvh",
    "register_writer",
]

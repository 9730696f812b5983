"""Editing motions: what is asked, drawing anew, putting it into the given motion, reporting."""

from scalemogen.editing.blend import Blended, blend, joint_weights, time_weights
from scalemogen.editing.editor import Editor, Redrawn, Window, time_region
from scalemogen.editing.edits import Edited, run_edits
from scalemogen.editing.parts import part_names, part_numbers
from scalemogen.editing.report import EditReport, measure
from scalemogen.editing.request import STRENGTHS, EditRequest, Strength
from scalemogen.editing.studio import Studio
from scalemogen.editing.take import Take, align, make_take, place
from scalemogen.editing.timelines import bridge, inbetween, prolong, stitch, vary

__all__ = [
    "STRENGTHS",
    "Blended",
    "EditReport",
    "EditRequest",
    "Edited",
    "Editor",
    "Redrawn",
    "Strength",
    "Studio",
    "Take",
    "Window",
    "align",
    "blend",
    "bridge",
    "inbetween",
    "joint_weights",
    "make_take",
    "measure",
    "part_names",
    "part_numbers",
    "place",
    "prolong",
    "run_edits",
    "stitch",
    "time_region",
    "time_weights",
    "vary",
]

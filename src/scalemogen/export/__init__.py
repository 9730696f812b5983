"""Motion to files and pictures. Importing this package gives `Motion.save` its formats."""

from collections.abc import Mapping
from types import MappingProxyType

from scalemogen.export.bvh import write_bvh
from scalemogen.export.bvh_like import write_bvh_like
from scalemogen.export.csv_file import write_csv
from scalemogen.export.glb import write_glb
from scalemogen.export.npz import read_npz, write_npz
from scalemogen.export.page import framed, gallery, viewer_file, viewer_record, write_html
from scalemogen.export.pyramid import TokenPyramid, split_tokens
from scalemogen.export.reading import read_motion
from scalemogen.export.sheet import contact_sheet, write_png
from scalemogen.export.video import film, write_gif, write_mp4
from scalemogen.motion.record import Writer, register_writer

__all__ = [
    "FORMATS",
    "TokenPyramid",
    "contact_sheet",
    "film",
    "framed",
    "gallery",
    "read_motion",
    "read_npz",
    "split_tokens",
    "viewer_file",
    "viewer_record",
    "write_bvh",
    "write_bvh_like",
    "write_csv",
    "write_gif",
    "write_glb",
    "write_html",
    "write_mp4",
    "write_npz",
    "write_png",
]

FORMATS: Mapping[str, Writer] = MappingProxyType(
    {
        ".bvh": write_bvh,
        ".glb": write_glb,
        ".npz": write_npz,
        ".csv": write_csv,
        ".mp4": write_mp4,
        ".gif": write_gif,
        ".html": write_html,
        ".png": write_png,
    }
)
"""Writers by suffix."""

for _suffix, _writer in FORMATS.items():
    register_writer(_suffix)(_writer)

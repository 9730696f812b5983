"""Data sets of the field in the form in which they are published: HumanML3D, KIT-ML, SnapMoGen."""

from scalemogen.data_modules.published.building import Statistics, build_published
from scalemogen.data_modules.published.form import Form, PublishedSet
from scalemogen.data_modules.published.humanml3d import HumanML3DSet, KITSet
from scalemogen.data_modules.published.modules import KIT, HumanML3D, SnapMoGen
from scalemogen.data_modules.published.snapmogen import SnapMoGenSet

READERS: dict[str, type[PublishedSet]] = {reader.form.name: reader for reader in (HumanML3DSet, KITSet, SnapMoGenSet)}
"""The readers by the short names of the data sets."""

__all__ = [
    "KIT",
    "READERS",
    "Form",
    "HumanML3D",
    "HumanML3DSet",
    "KITSet",
    "PublishedSet",
    "SnapMoGen",
    "SnapMoGenSet",
    "Statistics",
    "build_published",
]

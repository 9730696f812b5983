"""Feet kept from sliding: contacts seen in a motion, legs bent to hold them, everything else left where it is."""

from scalemogen.cleaning.contacts import find_feet
from scalemogen.cleaning.feet import LEG_LIMIT, ROOT_LIMIT, clean_feet

__all__ = ["LEG_LIMIT", "ROOT_LIMIT", "clean_feet", "find_feet"]

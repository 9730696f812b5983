"""Text-to-motion generation by next-scale prediction over skeletal-temporal bit maps.

The public names are loaded when first used, so that `import scalemogen` and the command line start at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scalemogen.motion import Motion
    from scalemogen.pipeline import TextToMotion

__version__ = "0.1.0"
__all__ = ["Motion", "TextToMotion", "__version__"]

_HOMES = {"Motion": "scalemogen.motion", "TextToMotion": "scalemogen.pipeline"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

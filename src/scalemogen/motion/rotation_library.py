"""`roma`, imported without `torch._dynamo`, which would make every start more than a second longer.

roma asks for it only to keep two of its functions from being compiled; nothing here compiles them.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

import torch

if "torch._dynamo" in sys.modules:
    import roma
else:
    torch.__dict__["_dynamo"] = SimpleNamespace(disable=lambda function: function)
    try:
        import roma
    finally:
        del torch.__dict__["_dynamo"]  # the name finds the real one again

__all__ = ["roma"]

"""`python -m scalemogen` is the console script (sweep agents start it this way)."""

from __future__ import annotations

from scalemogen.cli.main import entry

if __name__ == "__main__":
    entry()

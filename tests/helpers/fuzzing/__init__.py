"""Damaged files by seed, and what the readers make of them. `python -m helpers.fuzzing --help` runs it by hand."""

"""Metrics of motion: pure functions in `functional`."""

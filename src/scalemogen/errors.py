"""The error that a user can act on."""

from __future__ import annotations


class UserError(ValueError):
    """Bad input, described in one line: what was given, where, and what is allowed.

    The command line prints the message and exits with status 2, without a traceback.
    """

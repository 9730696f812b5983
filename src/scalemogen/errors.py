"""The errors that the command line turns into a line and an exit status."""

from __future__ import annotations

import signal
from pathlib import Path


class UserError(ValueError):
    """Bad input, described in one line: what was given, where, and what is allowed.

    The command line prints the message and exits with status 2, without a traceback.
    """


class RunStopped(Exception):
    """A run has stopped in order because a signal asked it to; the command line leaves with `status`.

    Attributes:
        number: of the signal.
        checkpoint: what the run can go on from.
    """

    def __init__(self, number: int, checkpoint: Path) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; the run is kept in {checkpoint}")
        self.number = number
        self.checkpoint = checkpoint

    @property
    def status(self) -> int:
        """Exit status as a shell reports the signal: 143 after SIGTERM, 130 after SIGINT."""
        return 128 + self.number

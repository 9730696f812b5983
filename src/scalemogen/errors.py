"""The errors that the command line turns into a line and an exit status."""

from __future__ import annotations

import re
import signal
from pathlib import Path

MOST_LETTERS = 2000
_BREAK = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*")


class UserError(ValueError):
    """Bad input, described in one line: what was given, where, and what is allowed.

    The command line prints the message and exits with status 2, without a traceback. Whatever a message quotes, of a
    file or of a library, it stays one line: line breaks become spaces, and the middle of a very long one is left out.
    """

    def __init__(self, message: object = "") -> None:
        line = _BREAK.sub(" ", str(message)).strip()
        if len(line) > MOST_LETTERS:
            line = f"{line[: MOST_LETTERS // 2]} ... {line[-MOST_LETTERS // 3 :]}"
        super().__init__(line)


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

"""The argument parser of the commands."""

from __future__ import annotations

import argparse
from typing import NoReturn

from scalemogen.errors import UserError


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that raises its errors, also in its subcommands; `main` prints them as one line."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line.

        Raises:
            UserError: always.
        """
        raise UserError(f"{message} (see `{self.prog} --help`)")

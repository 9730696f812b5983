"""The console script: finds the command, runs it, and turns what went wrong into one line and an exit status.

A command is two modules: `arguments.NAME` with `build_parser() -> argparse.ArgumentParser`, which needs neither torch
nor Lightning, so that help and complaints come at once; and `NAME` with `run(args) -> int`, loaded when the arguments
are good. The training stages are LightningCLI programs and read their own arguments.
"""

from __future__ import annotations

import difflib
import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType, MappingProxyType

from scalemogen import __version__
from scalemogen.errors import RunStopped, UserError

STAGES = MappingProxyType(
    {
        "tokenizer": "stage 1: {fit,validate,test} the motion tokenizer",
        "ar": "stage 2: {fit,validate,test} the next-scale transformer",
        "evaluator": "stage 3: {fit,validate,test} the embedding network of the metrics",
    }
)
COMMANDS = MappingProxyType(
    {
        "demo": "train both stages on embedded data and generate motions",
        "experiment": "train stages and evaluate: one row of figures, each stage done once",
        "sweep": "a W&B sweep file, on a server or here: runs, one table and plots",
        "data": "build, check and describe motion stores",
        "generate": "a sentence to a motion",
        "edit": "a motion changed by a sentence, everywhere or in parts and frames",
        "inbetween": "the frames between given ones, under a sentence",
        "prolong": "a motion that goes on",
        "stitch": "several sentences, one motion",
        "vary": "motions like a given one",
        "reconstruct": "a motion through the tokenizer, beside the original",
        "evaluate": "the full protocol on a model, or two results beside each other",
        "preserve": "what tokenizers leave of the skeleton after each scale, beside each other",
        "recognise": "do generated motions show what their sentences say?",
        "measure-edits": "what edits of held-out clips keep, and what they move",
        "export": "convert a motion to another file format",
        "import-reference": "released files of the paper's authors to a model folder",
        "serve": "a page in the browser and a JSON API around a model",
        "bench": "speed and memory on this machine, alone or against another revision",
        "doctor": "versions, devices, paths, and what is missing for which feature",
    }
)

FAILED, BAD_INPUT, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141
_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM})
# Full disks that libraries report in words only: safetensors, then torch.save (at a record, at the end of the file).
_FULL_DISK_WORDS = ("No space left on device", "PytorchStreamWriter failed writing file", "unexpected pos ")


def usage() -> str:
    """Return the top-level help."""
    groups = [("training", STAGES), ("data and models", COMMANDS)]
    lines = ["usage: scalemogen <command> [options]", "", "Text-to-motion generation by next-scale prediction."]
    for title, commands in groups:
        lines += ["", f"{title}:", *(f"  {name:<16} {summary}" for name, summary in commands.items())]
    lines += [
        "",
        "options:",
        "  -h, --help   this text; `scalemogen <command> --help` for one command",
        "  --version    version of this package",
        "",
        "resume:  a training that was stopped or killed goes on with the same command and --run FOLDER --resume",
        "sweep:   scalemogen sweep FILE; the same command again goes on",
        "cluster: sbatch experiments/cluster/train.sbatch STAGE --config FILE; scalemogen doctor --cluster",
        "",
        'example: scalemogen generate --model runs/demo/model --text "a person waves" --seconds 4 --out wave.mp4',
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: arguments without the program's name; None takes the process's own.

    Returns:
        Exit status: 0 done, 2 bad input (one line on stderr), 130 interrupted, 143 terminated, 141 the reader
        of a pipe went away.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()
        return status
    except UserError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    except RunStopped as stop:
        return stop.status
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:
        reason = _unwritable(error)
        if reason is None:
            raise
        return _fail(reason)


def entry() -> None:
    """Run the console script and leave the process."""
    sys.exit(main())


def _dispatch(arguments: list[str]) -> int:
    name, *rest = arguments or [""]
    if name in {"-h", "--help", "help"}:
        print(usage())
        return 0
    if name == "--version":
        print(f"scalemogen {__version__}")
        return 0
    if name in STAGES:
        with _told_to_stop():
            stages = import_module("scalemogen.cli.stages")
            return int(stages.main(name, rest) or 0)
    if name not in COMMANDS:
        raise UserError(_unknown(name))
    module = name.replace("-", "_")
    args = import_module(f"scalemogen.cli.arguments.{module}").build_parser().parse_args(rest)
    return int(import_module(f"scalemogen.cli.{module}").run(args) or 0)


@contextmanager
def _told_to_stop() -> Iterator[None]:
    """Leave in order, with status 143 and a line, on a SIGTERM that finds nothing trained yet.

    Training takes the signal over with its first step, and gives it back after the last one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    process, before = os.getpid(), signal.getsignal(signal.SIGTERM)

    def leave(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:  # one that this process has made, and that has its handlers
            os._exit(128 + number)
        os.write(2, b"scalemogen: stopped by SIGTERM while nothing was being trained\n")  # print is not reentrant
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _unknown(name: str) -> str:
    known = [*STAGES, *COMMANDS]
    if not name:
        return f"no command given; choose from {', '.join(known)} (`scalemogen --help` describes them)"
    close = difflib.get_close_matches(name, known, n=1)
    hint = f", did you mean '{close[0]}'? Choose from" if close else "; choose from"
    return f"unknown command '{name}'{hint} {', '.join(known)}"


def _fail(message: str) -> int:
    message = message.rpartition("UserError: ")[2]  # torch puts the traceback before what a loading process says
    print(f"scalemogen: error: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


def _unwritable(error: BaseException) -> str | None:
    """Return why a file could not be written when that is what failed, else None."""
    for link in _chain(error):
        if isinstance(link, OSError) and link.errno in _UNWRITABLE:
            return f"{link.strerror or 'cannot write'}{f': {link.filename}' if link.filename else ''}"
        _, opening, reason = str(link).partition("open file failed with strerror: ")  # torch.save
        if opening:
            return f"cannot write a checkpoint: {reason.splitlines()[0]}"
        if any(words in str(link) for words in _FULL_DISK_WORDS):
            return "No space left on device (or the file could not be written)"
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__

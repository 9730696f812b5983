"""Read damaged files: python -m helpers.fuzzing bvh=1000 npz=200 --seed 0 (with tests and src on PYTHONPATH)."""

from __future__ import annotations

import argparse
import json
import logging
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import torch

from helpers.fuzzing import kinds, texts
from scalemogen.errors import UserError

KINDS: dict[str, type[kinds.Kind]] = {
    "bvh": kinds.BVHFile,
    "npz": kinds.NPZFile,
    "description": kinds.Description,
    "weights": kinds.Weights,
    "checkpoint": kinds.Checkpoint,
    "table": kinds.Table,
    "store": kinds.Store,
    "yaml": texts.YAMLFile,
    "recipe": texts.Recipe,
    "sentences": texts.Sentences,
    "requests": texts.Requests,
}
SECONDS = 10.0
"""That an input may take."""
MEMORY = 2 << 30
"""Bytes that the process may map beyond what it has after its first inputs."""


class Late(BaseException):
    """An input took too long; no reader may catch this."""


def _late(number: int, frame: FrameType | None) -> None:
    raise Late(f"more than {SECONDS} seconds")


def fuzz(kind: str, seed: int, count: int) -> dict[str, Any]:
    """Read `count` damaged inputs, those of the seeds from `seed` on, with bounds on time and memory.

    Returns:
        How many there were, were accepted, were refused; the failures with their seeds; time and memory.
    """
    signal.signal(signal.SIGALRM, _late)
    failures: list[dict[str, object]] = []
    results: Counter[str] = Counter()
    began, slowest = time.monotonic(), 0.0
    with tempfile.TemporaryDirectory() as folder:
        subject = KINDS[kind](Path(folder))
        for number in range(seed, seed + count):
            subject.make(Random(f"{kind} {number}"))
            start = time.monotonic()
            try:
                signal.setitimer(signal.ITIMER_REAL, SECONDS)
                subject.read()
                result = "accepted though its digest cannot fit" if subject.must_refuse else "accepted"
            except UserError as error:
                result = "refused"
                if "\n" in str(error) or len(str(error)) > 2000:
                    result = f"UserError of {len(str(error).splitlines())} lines and {len(str(error))} letters"
            except BaseException as error:  # whatever it is, it is a failure
                if isinstance(error, KeyboardInterrupt):
                    raise
                frames = traceback.extract_tb(error.__traceback__)
                own = [frame for frame in frames if "scalemogen" in frame.filename or "data_modules" in frame.filename]
                place = own[-1] if own else frames[-1]
                result = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {error}"[:300]
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            slowest = max(slowest, time.monotonic() - start)
            if result in ("accepted", "refused"):
                results[result] += 1
            else:
                failures.append({"seed": number, "result": result})
            if number == seed:  # all that is made or imported once is there
                mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, resource.RLIM_INFINITY))
        if hasattr(subject, "client"):
            subject.client.__exit__(None, None, None)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {
        "kind": kind, "seed": seed, "count": count, **results, "failed": len(failures), "failures": failures[:50],
        "seconds": round(time.monotonic() - began, 1), "slowest": round(slowest, 2), "peak_mb": peak,
    }  # fmt: skip


def main() -> int:
    """Read the arguments, fuzz, print a line of JSON for each kind; 1 = something failed."""
    parser = argparse.ArgumentParser(prog="python -m helpers.fuzzing", description=__doc__)
    parser.add_argument("kinds", nargs="+", metavar="KIND=COUNT", help=f"KIND is one of {', '.join(KINDS)}")
    parser.add_argument("--seed", type=int, default=0, help="of the first input of each kind; the others follow")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    failed = 0
    for kind, _, count in (word.partition("=") for word in args.kinds):
        result = fuzz(kind, args.seed, int(count))
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
        failed += len(result["failures"])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

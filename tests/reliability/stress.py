"""Kills trainings and has them go on, many times: the weights at the end must be those of a run that nobody killed.

    python tests/reliability/stress.py --kills 50 --terms 50 --out runs/stress

Prints a line for each run and a summary as JSON; the exit status is 1 when anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from helpers.training import QUIET, options  # noqa: E402

STEPS = 40
PARTS = ("state_dict", "current_model_state", "averaging_state")


def command(stage: str, root: Path, folder: Path, workers: int, tokenizer: Path) -> list[str]:
    """Return the command of a run of 40 steps with everything random switched on; the same for start and resume."""
    extra = ["--model.dropout=0.2"]
    if stage == "ar":
        extra += [f"--model.tokenizer={tokenizer}", "--model.flip_strength=0.3", "--model.text_dropout=0.5"]
    return [
        *(sys.executable, "-m", "scalemogen", stage, "fit", *options(stage, root, batch=6), *QUIET, *extra),
        *(f"--trainer.max_steps={STEPS}", "--checkpoint.every_n_train_steps=3", f"--run={folder}", "--resume"),
        f"--data.init_args.loading.workers={workers}",
    ]


def run(words: list[str], number: int | None, draw: random.Random) -> tuple[int, int]:
    """Start a run, send it a signal at a random moment of its training, and wait; returns signals sent and status."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"}
    folder = Path(next(word for word in words if word.startswith("--run=")).removeprefix("--run="))
    log = folder.with_suffix(".log")
    with log.open("ab") as file:
        process = subprocess.Popen(words, env=environment, stdout=file, stderr=file, cwd=log.parent)
    before = newest(folder)
    while process.poll() is None and newest(folder) == before:
        time.sleep(0.02)
    time.sleep(draw.random() * 0.6)
    sent = process.poll() is None and number is not None
    if sent and number is not None:
        process.send_signal(number)
    return int(sent), process.wait()


def newest(folder: Path) -> float:
    """Return when the newest checkpoint was written."""
    return max((path.stat().st_mtime for path in folder.glob("checkpoints/*.ckpt")), default=0.0)


def same(mine: Path, other: Path) -> bool:
    """Compare weights, average and the optimiser's moments bit for bit."""
    one, two = (torch.load(path / "checkpoints" / "last.ckpt", weights_only=True) for path in (mine, other))
    pairs = [(one[part], two[part]) for part in PARTS]
    moments = [checkpoint["optimizer_states"][0]["state"] for checkpoint in (one, two)]
    pairs += [(state, moments[1][index]) for index, state in moments[0].items()]
    equal = all(torch.equal(left[name], right[name]) for left, right in pairs for name in left)
    return bool(equal and one["global_step"] == two["global_step"] == STEPS)


def litter(folder: Path) -> list[str]:
    """Return what killed processes have left and a finished run should not have."""
    left = [path.name for path in folder.rglob("*.tmp*")]
    best = list(folder.glob("checkpoints/step-*.ckpt"))
    return left + [path.name for path in best[1:]]


def main() -> int:
    """Run it; see the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--terms", type=int, default=50)
    parser.add_argument("--stages", nargs="+", default=["tokenizer", "ar"])
    parser.add_argument("--workers", nargs="+", type=int, default=[0, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/stress"))
    args = parser.parse_args()
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    draw, root, tokenizer = random.Random(0), out / "data", out / "tokenizer-whole-0" / "model"
    quota = {signal.SIGKILL: args.kills, signal.SIGTERM: args.terms}
    result: dict[str, object] = {}
    places = [(stage, workers) for stage in args.stages for workers in args.workers]
    if "tokenizer" not in args.stages or 0 not in args.workers:
        run_whole("tokenizer", root, out / "tokenizer-whole-0", 0, tokenizer)
    wrong = 0
    for stage, workers in places:
        whole = out / f"{stage}-whole-{workers}"
        run_whole(stage, root, whole, workers, tokenizer)
        for number, count in quota.items():
            left, rounds, statuses, bad = -(-count // len(places)), 0, list[int](), 0
            while left > 0:
                folder = out / f"{stage}-{number.name}-{workers}-{rounds}"
                words, status = command(stage, root, folder, workers, tokenizer), -1
                while status != 0:
                    sent, status = run(words, number if left > 0 else None, draw)
                    left -= sent if left > 0 else 0
                    statuses += [status] if status else []
                    if status not in (0, -number, 128 + number):
                        return fail(folder, status)
                rounds += 1
                fine = same(folder, whole) and not litter(folder)
                bad += not fine
                say(f"{stage} {number.name} workers {workers}: {'equal' if fine else 'DIFFERENT'} {folder}")
            wrong += bad
            result[f"{stage} {number.name} workers {workers}"] = {
                "signals": len(statuses),
                "runs": rounds,
                "different": bad,
                "statuses": sorted(set(statuses)),
            }
    say(json.dumps(result, indent=1))
    return 1 if wrong else 0


def run_whole(stage: str, root: Path, folder: Path, workers: int, tokenizer: Path) -> None:
    """Train without any signal."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"}
    with folder.with_suffix(".log").open("ab") as log:
        words = command(stage, root, folder, workers, tokenizer)
        subprocess.run(words, env=environment, stdout=log, stderr=log, cwd=folder.parent, check=True)


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def fail(folder: Path, status: int) -> int:
    """Say what a run died of."""
    say(f"{folder}: exit status {status}\n{folder.with_suffix('.log').read_text()[-2000:]}")
    return 1


if __name__ == "__main__":
    sys.exit(main())

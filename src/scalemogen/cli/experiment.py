"""`scalemogen experiment`: tokenizer, ar and evaluator, then the evaluation, each done once and found again."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import wandb

from scalemogen import __version__
from scalemogen.checkpoints import read_description
from scalemogen.cli import evaluate
from scalemogen.cli.arguments.evaluate import RESULT
from scalemogen.cli.arguments.evaluate import build_parser as evaluation_parser
from scalemogen.cli.plans import TAKEN, Plan, check_stages, parse_stages, read_plan
from scalemogen.cli.run_folder import run_folder
from scalemogen.cli.stages import main as run_stage
from scalemogen.cli.stages import make_cli, quiet_libraries
from scalemogen.contracts import TokenSpec
from scalemogen.files import atomic_path
from scalemogen.sweeps import digest_words, once

SEEDED = ("tokenizer", "ar")
"""Stages that the training seed changes: all models are judged by the same evaluator and the same sampling seeds."""
SHOWN = {
    "tokenizer": ("mpjpe_root_mm", "mpjpe_world_mm", "bits_used", "tokens", "parameters_thousands", "seconds"),
    "ar": ("loss", "parameters_thousands", "seconds"),
    "evaluate": ("facts", "sentences", "r3", "fid", "kid", "diversity", "skating_ratio"),
}
"""Figures of a stage that go into the row; all of them are in the stage's folder."""
GROUP_VARIABLE = "WANDB_RUN_GROUP"
SWEEP_VARIABLES = ("WANDB_SWEEP_ID", "WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH")


def run(args: argparse.Namespace) -> int:
    """Do what is not done yet, and write the row.

    Raises:
        UserError: see `read_plan`, and what a stage finds wrong with its input.
    """
    plan = read_plan(args.options)
    folder = Path(run_folder("experiment", args.run))
    with outside_sweep(folder.name) as sweep:
        finished = run_stages(plan, args.stages)
    row: dict[str, float] = {}
    for stage in finished:
        row |= {f"{stage.name}/{name}": value for name, value in stage.row.items()}
    result = {
        "options": args.options,
        "version": __version__,
        "figures": row,
        "origin": next((stage.facts["origin"] for stage in finished if "origin" in stage.facts), {}),
        "stages": {stage.name: {"folder": str(stage.folder), **stage.facts} for stage in finished},
    }
    with atomic_path(folder / "result.json") as temporary:
        temporary.write_text(json.dumps(result, indent=1))
    if sweep:
        with wandb.init(config=dict(word.split("=", 1) for word in args.options), job_type="experiment") as logged:
            logged.log(row)
    for name, value in row.items():
        print(f"{name:<40} {value:.4g}")
    print(f"result: {folder / 'result.json'}")
    return 0


@contextmanager
def outside_sweep(group: str) -> Iterator[bool]:
    """Hide a W&B agent's run from the stages: they log runs of their own, and the agent's gets the row.

    Args:
        group: of the stages' runs, where they are part of nothing larger.

    Yields:
        Whether an agent is at work.
    """
    hidden = {name: os.environ.pop(name) for name in SWEEP_VARIABLES if name in os.environ}
    grouped = GROUP_VARIABLE in os.environ
    os.environ.setdefault(GROUP_VARIABLE, hidden.get("WANDB_SWEEP_ID", group))
    try:
        yield bool(hidden)
    finally:
        os.environ.update(hidden)
        if not grouped:
            del os.environ[GROUP_VARIABLE]
        if hidden:
            wandb.teardown()  # W&B has read the environment, and would not look again


@dataclass(frozen=True)
class Finished:
    """A stage that is done.

    Attributes:
        name: of the stage.
        digest: of everything that it depends on.
        folder: where its files are.
        facts: what it says about itself: "figures", "seconds", "data" of a training stage, "origin" of the evaluation.
    """

    name: str
    digest: str
    folder: Path
    facts: dict[str, Any]

    @property
    def row(self) -> dict[str, float]:
        """Its figures for the row."""
        figures: dict[str, float] = self.facts["figures"] | {"seconds": self.facts["seconds"]}
        return {name: figures[name] for name in SHOWN.get(self.name, ()) if name in figures}


def run_stages(plan: Plan, root: Path) -> list[Finished]:
    """Do the stages in their order, each with what the ones before it made.

    Args:
        plan: the stages and their options.
        root: stages have folders `root`/STAGE/DIGEST.

    Raises:
        UserError: what a stage finds wrong with its input.
    """
    parsed = parse_stages(plan, root)
    check_stages(plan, parsed)
    finished: dict[str, Finished] = {}
    for stage, options in plan.options.items():
        words = [*options, *([f"--seed_everything={plan.seed}"] if stage in SEEDED else [])]
        taken = {
            name: finished[source]
            for name, source in TAKEN.get(stage, {}).items()
            if source in finished and plan.given(stage, name) is None
        }
        read = [str(parsed[stage].datamodule.store.path)] if stage in parsed else []
        digest = digest_words([stage, *words, *read], *(source.digest for source in taken.values()))
        words += [f"--{name}={_made(name, source)}" for name, source in taken.items()]
        folder = root / stage / digest
        print(f"\n{stage}: {folder}", flush=True)
        facts, kept = once(folder, partial(_do, stage, words))
        print(f"{stage}: {'was done before' if kept else 'done'}", flush=True)
        finished[stage] = Finished(stage, digest, folder, facts)
    return list(finished.values())


def _made(option: str, source: Finished) -> str:
    return str(source.facts["data"] if option == "data" else source.folder / "model")


def _do(stage: str, words: Sequence[str], folder: Path) -> dict[str, Any]:
    started = time.perf_counter()
    facts = _evaluate(words, folder) if stage == "evaluate" else _train(stage, words, folder)
    return {**facts, "seconds": round(time.perf_counter() - started, 1)}


def _train(stage: str, words: Sequence[str], folder: Path) -> dict[str, Any]:
    """Train, going on where an earlier attempt was stopped, and validate the checkpoint that the model is made of."""
    run_stage(stage, ["fit", *words, f"--run={folder}", "--resume"])
    newest = folder / "checkpoints" / "last.ckpt"
    best = max(folder.glob("checkpoints/step-*.ckpt"), key=lambda path: path.stat().st_mtime, default=newest)
    options = [f"--ckpt_path={best}", f"--run={folder / 'validation'}", "--trainer.logger=false", "--verbose=false"]
    with quiet_libraries():
        cli = make_cli(stage, ["validate", *words, *options])
    figures = {
        name.removeprefix("val/"): float(value)
        for name, value in cli.trainer.callback_metrics.items()
        if name.startswith("val/")
    }
    trained = sum(parameter.numel() for parameter in cli.model.parameters() if parameter.requires_grad)
    figures["parameters_thousands"] = trained / 1000
    if stage == "tokenizer":
        spec = TokenSpec.from_dict(read_description(folder / "model")["spec"])
        figures["tokens"] = float(spec.tokens)  # of the longest motion
    return {"figures": figures, "data": str(cli.datamodule.store.path)}


def _evaluate(words: Sequence[str], folder: Path) -> dict[str, Any]:
    evaluate.run(evaluation_parser().parse_args([*words, f"--out={folder}"]))
    result = json.loads((folder / RESULT).read_text())
    figures: dict[str, float] = {}
    for split, content in result["splits"].items():
        place = f"{split}/" if len(result["splits"]) > 1 else ""
        for row, values in content["rows"].items():
            name = place if row == "generated" else f"{place}{row}/"
            figures |= {f"{name}{figure}": value["mean"] for figure, value in values.items()}
    return {"figures": figures, "origin": _origin(result)}


def _origin(result: dict[str, Any]) -> dict[str, Any]:
    """Return what the figures of an evaluation depend on: code, data, weights, evaluator, protocol and sampling."""
    data = result["data"]
    return {
        "version": result["run"]["version"],
        "commit": result["run"]["commit"],
        "data": {
            "name": data["name"],
            "digest": data["digest"],
            "splits": {split: data["splits"][split] for split in result["splits"]},
        },
        "weights": result["model"]["digests"],
        "evaluator": {name: result["evaluator"][name] for name in ("name", "digest")},
        "protocol": result["protocol"]["name"],
        "settings": result["settings"],
    }

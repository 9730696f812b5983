"""`scalemogen experiment`: tokenizer, ar and evaluator, then the evaluation, each done once and found again."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import wandb

from scalemogen import __version__
from scalemogen.checkpoints import read_description
from scalemogen.cli import evaluate
from scalemogen.cli.arguments.evaluate import RESULT
from scalemogen.cli.arguments.evaluate import build_parser as evaluation_parser
from scalemogen.cli.arguments.experiment import ORDER, TRAINED
from scalemogen.cli.run_folder import run_folder
from scalemogen.cli.stages import main as run_stage
from scalemogen.cli.stages import make_cli, quiet_libraries
from scalemogen.contracts import TokenSpec
from scalemogen.data_modules import MotionDataModule
from scalemogen.errors import UserError
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
TAKEN = {
    "ar": {"model.tokenizer": "tokenizer"},
    "evaluate": {"model": "ar", "data": "ar", "evaluator": "evaluator"},
}
"""Options of a stage that come from a stage before it, unless they are given."""
GROUP_VARIABLE = "WANDB_RUN_GROUP"
SWEEP_VARIABLES = ("WANDB_SWEEP_ID", "WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH")


@dataclass(frozen=True)
class Plan:
    """What an experiment is to do.

    Attributes:
        seed: of training.
        options: for each stage that takes part, its options as words "--NAME=VALUE".
    """

    seed: int
    options: dict[str, tuple[str, ...]]

    def given(self, stage: str, name: str) -> str | None:
        """Return the value that an option of a stage was given, None if it was not."""
        start = f"--{name}="
        return next((word.removeprefix(start) for word in self.options.get(stage, ()) if word.startswith(start)), None)


def read_plan(words: Sequence[str]) -> Plan:
    """Sort options by stage.

    Raises:
        UserError: a word of another form, an unknown stage, or a stage without what it needs.
    """
    seed, options = 0, dict[str, tuple[str, ...]]()
    for word in words:
        name, separator, value = word.partition("=")
        stage, dot, option = name.partition(".")
        if name == "seed" and separator:
            if not value.isdecimal():
                raise UserError(f"{word}: a seed is a whole number, 0 or more")
            seed = int(value)
        elif not dot or not option or stage not in ORDER:
            raise UserError(f"{word}: needed is seed=N or STAGE.OPTION=VALUE with a stage of {', '.join(ORDER)}")
        else:
            options[stage] = (*options.get(stage, ()), f"--{option}{separator}{value}")
    plan = Plan(seed, {stage: options[stage] for stage in ORDER if stage in options})
    _check(plan)
    if "evaluate" in options and plan.given("evaluate", "split") is None:  # variants are never chosen on test clips
        plan.options["evaluate"] += ("--split=val",)
    return plan


def _check(plan: Plan) -> None:
    if not plan.options:
        raise UserError("no stage to run; name one, such as tokenizer.config=experiments/tokenizer/demo.yaml")
    for stage in TRAINED:
        if stage in plan.options and plan.given(stage, "config") is None:
            raise UserError(f"stage {stage} has no recipe; add {stage}.config=FILE")
    if "ar" in plan.options and "tokenizer" not in plan.options and plan.given("ar", "model.tokenizer") is None:
        raise UserError("stage ar has no tokenizer; add tokenizer.config=FILE, or ar.model.tokenizer=FOLDER")
    if "evaluate" in plan.options and "ar" not in plan.options:
        for name in ("model", "data"):
            if plan.given("evaluate", name) is None:
                raise UserError(f"evaluate.{name} is missing: without stage ar, name what to evaluate")
    if "evaluate" in plan.options and "evaluator" not in plan.options and plan.given("evaluate", "evaluator") is None:
        raise UserError("stage evaluate has no evaluator; add evaluator.config=FILE, or evaluate.evaluator=FOLDER")


def parse_stages(plan: Plan, folder: Path) -> dict[str, MotionDataModule]:
    """Parse the options of the training stages before any of them runs, and return their data modules.

    Args:
        plan: the stages and their options.
        folder: named as the stages' folder; nothing is written there.

    Raises:
        UserError: what a stage's command would say.
    """
    modules = {}
    with quiet_libraries(), redirect_stdout(StringIO()):
        for stage in TRAINED:
            if stage in plan.options:
                words = [*plan.options[stage], f"--run={folder}", "--trainer.logger=false"]
                modules[stage] = make_cli(stage, words, run=False).datamodule
    return modules


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
    modules = parse_stages(plan, root)
    finished: dict[str, Finished] = {}
    for stage, options in plan.options.items():
        words = [*options, *([f"--seed_everything={plan.seed}"] if stage in SEEDED else [])]
        taken = {
            name: finished[source]
            for name, source in TAKEN.get(stage, {}).items()
            if source in finished and plan.given(stage, name) is None
        }
        read = [str(modules[stage].store.path)] if stage in modules else []
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

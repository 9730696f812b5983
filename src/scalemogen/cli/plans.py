"""What an experiment is to do: its stages and their options, looked at before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from scalemogen.cli import evaluate
from scalemogen.cli.arguments.evaluate import build_parser as evaluation_parser
from scalemogen.cli.arguments.experiment import ORDER, TRAINED
from scalemogen.cli.stages import StageCLI, make_cli, quiet_libraries
from scalemogen.data_modules import MotionStore
from scalemogen.errors import UserError

TAKEN = {
    "ar": {"model.tokenizer": "tokenizer"},
    "evaluate": {"model": "ar", "data": "ar", "evaluator": "evaluator"},
}
"""Options of a stage that come from a stage before it, unless they are given."""


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


Parsed = dict[tuple[str, tuple[str, ...]], StageCLI]
"""What has been parsed before, by stage and options."""


def parse_stages(plan: Plan, folder: Path, parsed: Parsed | None = None) -> dict[str, StageCLI]:
    """Parse the options of the training stages before any of them runs, and return their objects.

    Args:
        plan: the stages and their options.
        folder: named as the stages' folder; nothing is written there.
        parsed: what need not be parsed again; this adds to it.

    Raises:
        UserError: what a stage's command would say.
    """
    parsed = {} if parsed is None else parsed
    found = {}
    with quiet_libraries(), redirect_stdout(StringIO()):
        for stage in TRAINED:
            if stage in plan.options:
                key = (stage, plan.options[stage])
                if key not in parsed:
                    words = [*plan.options[stage], f"--run={folder}", "--trainer.logger=false"]
                    parsed[key] = make_cli(stage, words, run=False)
                found[stage] = parsed[key]
    return found


def check_stages(plan: Plan, stages: Mapping[str, StageCLI]) -> None:
    """See to the data, and find what would be wrong with tokenizer and evaluation only after a training.

    Args:
        plan: the stages and their options.
        stages: see `parse_stages`.

    Raises:
        UserError: no data; scales or parts that the data's motions do not have; a bad option of the evaluation, or too
            few clips for it.
    """
    if "tokenizer" in stages:
        stages["tokenizer"].model.build(stages["tokenizer"].datamodule)
    if "evaluate" in plan.options and "ar" in stages:
        args, data = evaluation_parser().parse_args(plan.options["evaluate"]), stages["ar"].datamodule
        store = data.store if args.data is None else MotionStore.open(args.data)
        evaluate.check(args, store, data.loading.max_frames)

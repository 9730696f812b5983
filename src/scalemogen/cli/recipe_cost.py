"""`scalemogen doctor --recipe`: what training with a recipe costs, before it is paid."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import yaml

from scalemogen.checkpoints import CHECKPOINT_KEY, DESCRIPTION, find_tokenizer, read_checkpoint, read_description
from scalemogen.cli.stages import TASKS, StageCLI, make_cli, quiet_libraries
from scalemogen.contracts import TokenSpec
from scalemogen.cost import (
    Cost,
    Devices,
    KnownData,
    Settings,
    TokenizerPlan,
    estimate,
    know,
    on_devices,
    plan_tokenizer,
)
from scalemogen.errors import UserError
from scalemogen.tasks import ARTask

HERE = ("--trainer.accelerator=cpu", "--trainer.devices=1", "--trainer.num_nodes=1", "--trainer.strategy=auto")
"""Undoes what a recipe or an overlay asks of other machines: nothing is trained."""
QUIET = ("--trainer.logger=false", "--trainer.enable_progress_bar=false", "--run=.")
TELLING = {
    "tokenizer": {"bits", "scales", "scale_count", "scale_dropout", "blocks"},
    "ar": {"depth", "flip_strength", "sampling", "places", "tokenizer"},
    "evaluator": {"layers", "text_layers", "patch", "embedding", "temperature"},
}
"""Keys under `model` that only one stage has."""


@dataclass(frozen=True)
class Answer:
    """What `doctor --recipe` prints.

    Attributes:
        recipe: the files.
        data: where the facts of the data come from.
        tokenizer: where those of the tokenizer come from; "" for other stages.
        precision: of the trainer.
        cost: on one device.
        devices: on all of them.
    """

    recipe: list[str]
    data: str
    tokenizer: str
    precision: str
    cost: Cost
    devices: Devices

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "memory_total": self.cost.memory.total}


def answer(recipes: Sequence[Path], devices: int, stage: str | None = None, options: Sequence[str] = ()) -> Answer:
    """Work out what a recipe costs.

    Args:
        recipes: a recipe and its overlays, a later one wins.
        devices: how many there are to be.
        stage: of the recipe; None finds out.
        options: further options of the stage's command.

    Raises:
        UserError: a file that is no recipe, of no stage, or with keys that its stage does not have.
    """
    if devices < 1:
        raise UserError(f"--devices {devices}: at least 1 is needed")
    stage = stage or find_stage(recipes)
    cli = parse(stage, recipes, options)
    data = know(cli.datamodule)
    plan = find_tokenizer_plan(cli.model, data, recipes[0]) if isinstance(cli.model, ARTask) else None
    trainer = cli.trainer
    settings = Settings(trainer.precision_plugin.forward_context, trainer.gradient_clip_val)
    with _still():
        cost = estimate(cli.model, data, cli.datamodule.loading.batch_size, settings, plan)
    return Answer(
        recipe=[str(path) for path in recipes],
        data=str(data.path or f"{data.facts.name}, not at hand: skeleton {data.facts.skeleton.name}"),
        tokenizer="" if plan is None else plan.source,
        precision=str(trainer.precision),
        cost=cost,
        devices=on_devices(cost, devices),
    )


def find_stage(recipes: Sequence[Path]) -> str:
    """Return the stage of a recipe: that of its folder, or the only one that has its keys.

    Raises:
        UserError: a file that cannot be read, or is of no stage.
    """
    keys: set[str] = set()
    for path in recipes:
        keys |= _model_keys(path)
    folder = recipes[0].absolute().parent.name
    if folder in TASKS:
        return folder
    found = [stage for stage, telling in TELLING.items() if keys & telling]
    if len(found) != 1:
        raise UserError(
            f"{recipes[0]} is a recipe of no stage that could be told by its folder or by its keys under model: "
            f"{', '.join(sorted(keys)) or 'none'}; add --stage {'|'.join(TASKS)}"
        )
    return found[0]


def _model_keys(path: Path) -> set[str]:
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no YAML file: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is no recipe: it holds no keys such as model, data, trainer")
    model = content.get("model")
    return {str(key) for key in model} if isinstance(model, dict) else set()


def parse(stage: str, recipes: Sequence[Path], options: Sequence[str] = ()) -> StageCLI:
    """Parse recipes as the stage's command would, and make their objects, for this machine and without a word.

    Raises:
        UserError: naming the files.
    """
    files = [word for path in recipes for word in ("--config", str(path))]
    try:
        with _still():
            return make_cli(stage, [*files, *options, *HERE, *QUIET], run=False)
    except UserError as error:
        raise UserError(f"{', '.join(map(str, recipes))}: {error}") from error


def find_tokenizer_plan(task: ARTask, data: KnownData, recipe: Path) -> TokenizerPlan:
    """Return the plan of the tokenizer that training would find, or of the tokenizer recipe of the same name."""
    asked = Path(task.tokenizer_source)
    if asked.is_file():
        held = read_checkpoint(asked, "tokenizer")[CHECKPOINT_KEY]
        return TokenizerPlan(TokenSpec.from_dict(held["spec"]), held["tokenizer"], str(asked))
    folder = asked if (asked / DESCRIPTION).is_file() else find_tokenizer(asked, data.facts)
    if folder is not None:
        held = read_description(folder)
        return TokenizerPlan(TokenSpec.from_dict(held["spec"]), held["tokenizer"], str(folder))
    beside = recipe.absolute().parent.parent / "tokenizer" / recipe.name
    if not beside.is_file():
        raise UserError(
            f"no tokenizer for {recipe}: none is trained in {asked}, and there is no recipe {beside}; "
            "name a model folder with `model.tokenizer` in an overlay"
        )
    with _still():
        return plan_tokenizer(parse("tokenizer", [beside]).model, data, _short(beside))


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


@contextmanager
def _still() -> Iterator[None]:
    """Leave out what the trainer says about this machine: it is not the one that is asked about."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with quiet_libraries(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def render(found: Answer) -> str:
    """Return the answer as text."""
    cost, memory, devices = found.cost, found.cost.memory, found.devices
    made = {"tokenizer": "one reconstruction", "ar": "one generation", "evaluator": "one embedding"}[cost.stage]
    rows = [("recipe", f"{' + '.join(found.recipe)} ({cost.stage})"), ("data", found.data)]
    if found.tokenizer:
        rows.append(("tokenizer", found.tokenizer))
    frozen = f", {cost.untrained:,} frozen" if cost.untrained else ""
    mean = "" if cost.mean_frames is None else f", {cost.mean_frames} on average"
    rows += [("precision", found.precision), ("parameters", f"{cost.trainable:,} trained{frozen}")]
    rows.append(("batch", f"{cost.batch} clips of up to {cost.frames} frames{mean}"))
    if cost.tokens is not None:
        mean = "" if cost.tokens.mean_motion is None else f"; {cost.tokens.mean_motion:,} and {cost.tokens.mean_step:,}"
        rows.append(
            (
                "tokens",
                f"{cost.tokens.motion:,} a motion, {cost.tokens.step:,} a step{mean}{' on average' if mean else ''}",
            )
        )
    average = "" if cost.mean_step_flops is None else f"; {_flops(cost.mean_step_flops)} at mean length"
    rows += [
        ("one step", f"{_flops(cost.step_flops)}{average}"),
        (made, f"{_flops(cost.generation_flops)}, {cost.generation_calls:,} operator calls"),
    ]
    lines = [f"{title:<20} {text}" for title, text in rows]
    lines += ["", "memory of a step on one device, all clips of the longest"]
    lines += [f"  {name:<18} {_bytes(value):>10}" for name, value in asdict(memory).items() if value]
    lines += [f"  {'in all':<18} {_bytes(memory.total):>10}", ""]
    lines.append(f"{'checkpoint':<20} {_bytes(cost.checkpoint)}")
    if devices.count > 1:
        lines.append(f"{f'{devices.count} devices':<20} {devices.global_batch} clips a step")
        lines.append(f"{'  each, DDP':<20} {_bytes(devices.ddp)}")
        lines.append(f"{'  each, FSDP':<20} {_bytes(devices.fsdp)} (estimate)")
    lines += ["", "Tensors only: the program itself, its libraries and the loaders come on top."]
    return "\n".join(lines)


def _flops(count: float) -> str:
    for size, unit in ((1e15, "PFLOP"), (1e12, "TFLOP"), (1e9, "GFLOP")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e6:.3g} MFLOP"


def _bytes(count: float) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"

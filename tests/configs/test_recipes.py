"""Every file under experiments/: parsed by the real parser, instantiated at full size, and run for two steps."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import ClassVar

import pytest
import torch
import yaml

from helpers.training import EXPERIMENTS, QUIET, STAGES, options
from scalemogen.ar import NextScaleTransformer
from scalemogen.cli.main import main
from scalemogen.cli.stages import TASKS, StageCLI, make_cli, quiet_libraries
from scalemogen.contracts import DataFacts, MotionBatch, TokenSpec
from scalemogen.data_modules import MotionDataModule
from scalemogen.evaluators import ContrastiveNetwork
from scalemogen.motion import get_layout
from scalemogen.skeletons import get_skeleton
from scalemogen.tasks import ARTask, EvaluatorTask, TokenizerTask
from scalemogen.tokenizer import LossWeights

FILES = sorted(EXPERIMENTS.rglob("*.yaml"))
RECIPES = [path for path in FILES if path.parent.name in STAGES]
OVERLAYS = [path for path in FILES if path.parent.name == "trainer"]
REFERENCE = [path for path in FILES if path.parent.name == "overlays"]
SWEEPS = [path for path in FILES if path.parent.name == "sweeps"]
HERE = ["--trainer.accelerator=cpu", "--trainer.devices=1", "--trainer.num_nodes=1", "--trainer.strategy=auto"]
SKELETONS = {
    "humanml3d": ("humanml3d", "humanml3d-published"),
    "kit": ("kit", "humanml3d-published"),
    "snapmogen": ("snapmogen", "snapmogen"),
    "bandai_namco": ("bandai_namco", "humanml3d"),
}
PAPER = {"humanml3d": (49, 11, 864), "kit": (49, 11, 864), "snapmogen": (80, 7, 1057)}
"""Latent cells, scales and tokens."""


def label(path: Path) -> str:
    return path.relative_to(EXPERIMENTS).with_suffix("").as_posix()


def parse(stage: str, *arguments: str) -> StageCLI:
    with quiet_libraries():
        return make_cli(stage, [*arguments, *HERE, *QUIET], run=False)


class Data:
    """What a task asks of a data module, without any data."""

    def __init__(self, name: str) -> None:
        skeleton_name, layout = SKELETONS.get(name, ("humanml3d", "humanml3d"))
        skeleton = get_skeleton(skeleton_name)
        width = get_layout(layout).width(skeleton)
        self.facts = DataFacts(
            name, skeleton, layout, 20.0, torch.zeros(width), torch.ones(width), "none", "none", {"train": "0"}
        )

    cutting: ClassVar[dict[str, int]] = {}

    def steady(self, split: str) -> list[MotionBatch]:
        return []

    def captions(self, split: str) -> list[str]:
        return ["a person walks"]


@cache
def full_size_spec(name: str) -> TokenSpec:
    """Return the token grid of a tokenizer recipe, after making its network."""
    folder = f"--run={Path('/nonexistent')}"
    task = parse("tokenizer", "--config", str(EXPERIMENTS / "tokenizer" / f"{name}.yaml"), folder).model
    assert isinstance(task, TokenizerTask)
    task.build(Data(name))
    return task.tokenizer.spec


def test_every_file_is_of_a_known_kind() -> None:
    assert len(RECIPES) >= 10
    assert OVERLAYS
    assert SWEEPS
    assert {path.stem for path in REFERENCE} == {"reference_tokenizer", "reference_ar", "recompute", "small"}
    assert set(FILES) == {*RECIPES, *OVERLAYS, *REFERENCE, *SWEEPS}
    assert (
        {path.name for path in (EXPERIMENTS / "tokenizer").iterdir()}
        == {path.name for path in (EXPERIMENTS / "ar").iterdir()}
        == {path.name for path in (EXPERIMENTS / "evaluator").iterdir()}
    )


@pytest.mark.parametrize("path", RECIPES, ids=label)
def test_recipes_are_instantiated_at_full_size(path: Path, tmp_path: Path) -> None:
    stage, name = path.parent.name, path.stem
    cli = parse(stage, "--config", str(path), f"--run={tmp_path}")
    assert isinstance(cli.model, TASKS[stage])
    assert isinstance(cli.datamodule, MotionDataModule)
    spec = full_size_spec(name)
    assert cli.datamodule.loading.max_frames <= spec.max_frames
    if name in PAPER:
        assert (spec.cells, len(spec.scales), spec.tokens) == PAPER[name]
    if isinstance(cli.model, ARTask):
        text_width = 2048 if cli.model.text_choice.kind == "t5" else cli.model.text_choice.width
        NextScaleTransformer(spec, text_width=text_width, **cli.model.arguments)
    if isinstance(cli.model, EvaluatorTask):
        ContrastiveNetwork(features=263, text_width=768, **cli.model.arguments)


@pytest.mark.parametrize("path", RECIPES, ids=label)
def test_the_last_step_is_validated(path: Path) -> None:
    """Else the end of the schedule would train for nothing: the model is the best checkpoint that was validated."""
    trainer = yaml.safe_load(path.read_text())["trainer"]
    if trainer["check_val_every_n_epoch"] is None:
        assert trainer["max_steps"] % trainer["val_check_interval"] == 0
    else:
        assert trainer["max_epochs"] % trainer["check_val_every_n_epoch"] == 0


def test_no_recipe_names_a_precision() -> None:
    """The machine chooses it: one that a CPU must emulate makes a recipe seven times slower there."""
    assert not [label(path) for path in FILES if "precision" in path.read_text()]


@pytest.mark.parametrize("overlay", OVERLAYS, ids=label)
@pytest.mark.parametrize("stage", STAGES)
def test_overlays_stack_on_recipes(stage: str, overlay: Path, tmp_path: Path) -> None:
    content = yaml.safe_load(overlay.read_text())
    assert content.keys() == {"trainer"}
    base = str(EXPERIMENTS / stage / "humanml3d.yaml")
    # HERE comes last and undoes what this machine does not have.
    cli = parse(stage, "--config", base, "--config", str(overlay), f"--run={tmp_path}")
    assert cli.config.trainer.max_epochs == yaml.safe_load(Path(base).read_text())["trainer"]["max_epochs"]


@pytest.mark.parametrize("name", PAPER)
@pytest.mark.parametrize("stage", ["tokenizer", "ar"])
def test_the_reference_s_settings_stack_on_the_paper_s_recipes(stage: str, name: str, tmp_path: Path) -> None:
    base, overlay = EXPERIMENTS / stage / f"{name}.yaml", EXPERIMENTS / "overlays" / f"reference_{stage}.yaml"
    plain = parse(stage, "--config", str(base), f"--run={tmp_path}").config.model
    cli = parse(stage, "--config", str(base), "--config", str(overlay), f"--run={tmp_path}")
    optimizer, task = cli.config.model.optimizer, cli.model
    assert optimizer.class_path == "torch.optim.AdamW"
    assert optimizer.init_args.betas == plain.optimizer.init_args.betas
    if isinstance(task, ARTask):
        assert optimizer.init_args.lr == pytest.approx(6e-3 * 16 / 256 / 64, rel=0.01)
        assert optimizer.init_args.weight_decay == plain.optimizer.init_args.weight_decay
        assert [task.schedule.scale(step, 100) for step in (0, 50, 99)] == [1.0, 1.0, 1.0]
        network = NextScaleTransformer(full_size_spec(name), text_width=2048, **task.arguments)
        assert network.places is None
        assert plain.places is True
        assert cli.config.model.text == plain.text
    else:
        assert isinstance(task, TokenizerTask)
        assert task.weights == LossWeights(joints=0.0, path=0.0, heading=0.0)
        assert optimizer.init_args.lr == plain.optimizer.init_args.lr
        assert task.scales == plain.scales
        task.build(Data(name))


@pytest.mark.parametrize("stage", ["tokenizer", "ar"])
def test_recomputed_blocks_stack_on_recipes(stage: str, tmp_path: Path) -> None:
    overlay = EXPERIMENTS / "overlays" / "recompute.yaml"
    base = ["--config", str(EXPERIMENTS / stage / "humanml3d.yaml"), f"--run={tmp_path}"]
    tasks = [parse(stage, *base, *more).model for more in ([], ["--config", str(overlay)])]
    assert [task.execution.activation_checkpointing for task in tasks] == [False, True]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Model folders of tokenizer recipes that have run."""
    return {"": tmp_path_factory.mktemp("recipes")}


def two_steps(stage: str, name: str, trained: dict[str, Path], runs: Path) -> StageCLI:
    """Train in `runs`, a test's own: a folder that holds a run is not trained into again."""
    base, folder = trained[""], runs / stage
    extra = [f"--model.tokenizer={trained[name]}"] if stage == "ar" else []
    with quiet_libraries():
        cli = make_cli(
            stage,
            [
                *("fit", *options(stage, base / "data", name=name), *QUIET, f"--run={folder}", *extra),
                *("--trainer.max_steps=2", "--trainer.limit_val_batches=1"),
            ],
        )
    if stage == "tokenizer":
        trained[name] = folder / "model"
    return cli


@pytest.mark.parametrize("path", RECIPES, ids=label)
def test_recipes_run_two_steps_on_synthetic_motion(path: Path, trained: dict[str, Path], tmp_path: Path) -> None:
    stage, name = path.parent.name, path.stem
    if stage == "ar" and name not in trained:
        two_steps("tokenizer", name, trained, tmp_path)
    cli = two_steps(stage, name, trained, tmp_path)
    assert cli.trainer.global_step == 2
    figures = cli.trainer.callback_metrics
    assert all(torch.isfinite(value) for value in figures.values())
    assert "val/loss" in figures
    assert stage != "tokenizer" or "val/mpjpe_root_mm" in figures
    assert (tmp_path / stage / "model" / "model.json").is_file()


@pytest.mark.parametrize("name", PAPER)
def test_a_data_set_that_is_not_there_is_named(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--config", str(EXPERIMENTS / "tokenizer" / f"{name}.yaml"), *HERE, *QUIET, f"--run={tmp_path}"]
    assert main(["tokenizer", "fit", *arguments, f"--data.init_args.source={tmp_path / 'nowhere'}"]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("scalemogen: error:")
    assert "nowhere" in message

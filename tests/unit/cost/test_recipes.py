"""What a recipe costs: for the small ones as measured on a real step, for all others plausible and in seconds."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from helpers.training import EXPERIMENTS, STAGES, fit
from scalemogen.cli import recipe_cost
from scalemogen.cli.main import main
from scalemogen.cost import (
    Cost,
    KnownData,
    Memory,
    Settings,
    Training,
    assume,
    build,
    estimate,
    know,
    on_devices,
    prepare,
)
from scalemogen.cost.tracker import ATTENTION, frozen_networks, tensors_of
from scalemogen.data_modules import BVH, Stored, Synthetic
from scalemogen.data_modules.store import Origin
from scalemogen.errors import UserError
from scalemogen.tasks import ARTask

SMALL = ["demo", "bandai_namco", "synthetic"]
LARGE = ["humanml3d", "kit", "snapmogen"]
BATCH, FRAMES = 3, 61


def recipe(stage: str, name: str) -> Path:
    return EXPERIMENTS / stage / f"{name}.yaml"


def planned(
    stage: str, name: str, precision: str = "32-true", batch: int = BATCH
) -> tuple[Callable[[], Cost], Callable[[], Training]]:
    """Return what estimates a recipe on short clips, and what makes the same training in earnest."""

    def parse() -> tuple[recipe_cost.StageCLI, KnownData, recipe_cost.TokenizerPlan | None, Settings]:
        cli = recipe_cost.parse(stage, [recipe(stage, name)], [f"--trainer.precision={precision}"])
        data = replace(assume(cli.datamodule), longest=FRAMES)
        plan = recipe_cost.find_tokenizer_plan(cli.model, data, recipe(stage, name)) if stage == "ar" else None
        return cli, data, plan, Settings(cli.trainer.precision_plugin.forward_context, cli.trainer.gradient_clip_val)

    def real() -> Training:
        cli, data, plan, settings = parse()
        build(cli.model, data, plan, None)
        return prepare(cli.model, data, settings, None)

    def pretended() -> Cost:
        cli, data, plan, settings = parse()
        return estimate(cli.model, data, batch, settings, plan)

    return pretended, real


def profiled_peak(run: Callable[[], None], held: int) -> int:
    """Return the most bytes that torch's allocator had given out, by its own record, of which `held` before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        run()
    results = found.profiler.kineto_results  # type: ignore[union-attr]
    events = sorted((e for e in results.events() if e.name() == "[memory]"), key=lambda e: e.start_ns())
    live = peak = held
    for event in events:
        live += event.nbytes()
        peak = max(peak, live)
    return peak


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("name", "precision"), [("demo", "bf16-mixed"), ("bandai_namco", "32-true")])
def test_small_recipes_cost_what_a_real_step_does(stage: str, name: str, precision: str) -> None:
    pretended, real = planned(stage, name, precision)
    cost, training = pretended(), real()
    lengths = torch.full((BATCH,), FRAMES)
    training.begin()
    with FlopCounterMode(display=False, custom_mapping=ATTENTION) as counter:
        training.run(lengths)
    assert cost.step_flops == pytest.approx(counter.get_total_flops(), rel=0.02)
    held = training.weights + training.frozen + training.average + training.optimiser + training.weights
    peak = profiled_peak(lambda: training.run(lengths), held)
    assert cost.memory.total == pytest.approx(peak, rel=0.1)
    assert cost.memory.optimiser == training.optimiser
    assert cost.trainable == sum(p.numel() for p in training.task.parameters() if p.requires_grad)
    generation = training.generation(FRAMES)
    assert cost.generation_flops == pytest.approx(generation.flops, rel=0.02)
    assert cost.generation_calls == generation.calls
    assert cost.generation_bytes == pytest.approx(generation.peak, rel=0.1)


@pytest.mark.parametrize(
    ("stage", "name"),
    [
        pytest.param(stage, name, marks=[pytest.mark.slow] if stage == "ar" and name in LARGE else [])
        for stage in STAGES
        for name in [*SMALL, *LARGE]
    ],
)
def test_every_recipe_is_costed_without_data(stage: str, name: str) -> None:
    found = recipe_cost.answer([recipe(stage, name)], devices=4)
    cost, text = found.cost, recipe_cost.render(found)
    assert cost.stage == stage
    assert cost.memory.total > 3 * 4 * cost.trainable  # weights, gradients, optimiser
    assert cost.step_flops > 3 * cost.generation_flops > 0 or stage == "ar"
    assert (cost.untrained > 0) == (stage == "ar")
    assert found.devices.global_batch == 4 * cost.batch
    assert f"{cost.trainable:,} trained" in text
    if name == "humanml3d" and stage != "evaluator":
        assert cost.tokens is not None
        assert cost.tokens.motion == 864


@pytest.mark.parametrize("stage", STAGES)
def test_large_batches_cost_what_small_ones_say(stage: str) -> None:
    """Costs of a batch are worked out from batches of one and of two; here, the large batch is run as well."""
    large = 11
    pretended, real = planned(stage, "demo", batch=large)
    cost, training = pretended(), real()
    lengths = torch.full((large,), FRAMES)
    training.begin()
    step = training.step(lengths)
    assert cost.step_flops == pytest.approx(step.flops, rel=0.001)
    assert cost.memory.total == pytest.approx(step.peak, rel=0.05)
    assert cost.memory.weights == training.weights
    assert cost.batch == large


def test_the_average_of_ar_has_no_tokenizer_of_its_own() -> None:
    _, real = planned("ar", "demo")
    training = real()
    copy = deepcopy(training.task)
    assert frozen_networks(copy) == []
    assert len(frozen_networks(training.task)) == 1
    assert training.average == sum(tensor.nbytes for tensor in tensors_of(copy))


def test_devices() -> None:
    memory = Memory(weights=100, frozen=10, average=110, optimiser=200, gradients=100, activations=1000)
    cost = Cost("ar", 25, 2, 16, 60, None, None, 1, None, 1, 1, 1, memory, 1, gathered=40)
    one, eight = on_devices(cost, 1), on_devices(cost, 8)
    assert (one.global_batch, one.ddp, one.fsdp) == (16, 1520, 1520)
    assert (eight.global_batch, eight.ddp) == (128, 1520 + 100)
    assert eight.fsdp == 10 + 1000 + -(-510 // 8) + 2 * 40


def test_a_store_at_hand_gives_lengths_and_checkpoints_have_the_size_told(tmp_path: Path) -> None:
    folder = fit("tokenizer", tmp_path / "run", tmp_path / "data", "--trainer.max_steps=2")
    (store,) = (path for path in (tmp_path / "data").iterdir() if path.is_dir())
    overlay = tmp_path / "overlay.yaml"
    options = {"class_path": "scalemogen.data_modules.Stored", "init_args": {"path": str(store)}}
    content = {"data": options, "model": {"width": 8, "blocks": 1}}
    overlay.write_text(json.dumps(content))
    cost = recipe_cost.answer([recipe("tokenizer", "synthetic"), overlay], devices=1).cost
    assert cost.mean_frames is not None
    assert 16 < cost.mean_frames < cost.frames
    assert cost.mean_step_flops is not None
    assert cost.mean_step_flops < cost.step_flops
    written = (folder / "checkpoints" / "last.ckpt").stat().st_size
    assert written > cost.checkpoint  # names, facts and the trainer's state come on top
    assert written - cost.checkpoint < 200_000


def test_an_ar_recipe_takes_the_tokenizer_it_is_given(tmp_path: Path) -> None:
    folder = fit("tokenizer", tmp_path / "run", tmp_path / "data", "--trainer.max_steps=1", "--model.bits=9")
    for place in (folder / "model", folder / "checkpoints" / "last.ckpt"):
        overlay = tmp_path / "overlay.yaml"
        overlay.write_text(json.dumps({"model": {"tokenizer": str(place)}}))
        found = recipe_cost.answer([recipe("ar", "synthetic"), overlay], devices=1)
        assert found.tokenizer == str(place)
        assert found.cost.untrained < 60_000  # of width 8; the recipe's has over 300,000


def test_skeletons_come_from_the_options() -> None:
    origin = Origin("x", "none", "none")
    data = know(BVH("nowhere.zip", origin, skeleton="bandai_namco"))
    assert (data.facts.skeleton.name, data.mean, data.path) == ("bandai_namco", None, None)
    assert know(BVH("nowhere.zip", origin, joint_map="cmu")).facts.skeleton.name == "humanml3d"
    assert assume(Synthetic(layout="snapmogen")).facts.layout == "snapmogen"
    with pytest.raises(UserError, match=r"nowhere\.zip is not there, and the recipe names no skeleton"):
        know(BVH("nowhere.zip", origin))
    with pytest.raises(UserError, match="Stored"):
        know(Stored("nowhere"))


def test_the_ar_stage_needs_a_plan() -> None:
    with pytest.raises(ValueError, match="plan"):
        build(ARTask(), assume(Synthetic()), None, None)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["doctor", *words]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0].removeprefix("scalemogen: error: ")


def test_what_is_no_recipe_gives_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    told = f"{path} is "
    assert "No such file" in refused(capsys, "--recipe", str(path))
    path.write_text("a: [")
    assert refused(capsys, "--recipe", str(path)).startswith(told + "no YAML file")
    path.write_text("- a")
    assert refused(capsys, "--recipe", str(path)).startswith(told + "no recipe")
    path.write_text("model: {width: 3}")
    assert "width; add --stage tokenizer|ar|evaluator" in refused(capsys, "--recipe", str(path))
    path.write_text("model: {bits: 8, depht: 3}\ndata: {class_path: scalemogen.data_modules.Synthetic}")
    message = refused(capsys, "--recipe", str(path))
    assert message.startswith(str(path))
    assert "depht" in message
    assert "at least 1" in refused(capsys, "--recipe", str(recipe("ar", "demo")), "--devices=0")
    assert "add --recipe" in refused(capsys, "--devices=2")


def test_a_recipe_elsewhere_is_known_by_its_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(recipe("tokenizer", "demo").read_text())
    assert main(["doctor", "--recipe", str(path), "--precision=32-true", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cost"]["stage"] == "tokenizer"
    assert found["precision"] == "32-true"
    assert found["memory_total"] == sum(found["cost"]["memory"].values())
    path.write_text(recipe("ar", "demo").read_text())
    assert "there is no recipe" in refused(capsys, "--recipe", str(path))

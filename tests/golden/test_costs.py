"""No silent regression: operations, operator calls and memory of a step and of a generation, of the small recipes.

All run on tensors without content, in float32, on one batch of fixed lengths: the figures depend on the code and on the
recipes, and not on the processor, its threads or its precision.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from helpers.golden import Golden
from helpers.training import EXPERIMENTS
from scalemogen.cli import recipe_cost
from scalemogen.cost import Settings, assume, build, prepare
from scalemogen.cost.pretend import Pretence

SHORTEST = 40
THREADS = 1
"""Some code cuts its work into blocks by them, and so calls more operators."""
TOLERANCE: dict[str, float | list[float]] = {
    f"{what}_{figure}": share
    for what in ("step", "generation")
    for figure, share in (("flops", 0.0), ("calls", 0.0), ("peak", 0.01))
}


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["demo", "bandai_namco"])
@pytest.mark.parametrize("stage", ["tokenizer", "ar"])
def test_costs_are_what_they_were(stage: str, name: str, renew: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = EXPERIMENTS / stage / f"{name}.yaml"
    cli = recipe_cost.parse(stage, [recipe], ["--trainer.precision=32-true"])
    monkeypatch.setenv("PL_GLOBAL_SEED", "0")  # which scales the step drops
    data, pretence = assume(cli.datamodule), Pretence()
    plan = recipe_cost.find_tokenizer_plan(cli.model, data, recipe) if stage == "ar" else None
    build(cli.model, data, plan, pretence)
    settings = Settings(cli.trainer.precision_plugin.forward_context, cli.trainer.gradient_clip_val)
    training = prepare(cli.model, data, settings, pretence)
    lengths = torch.linspace(SHORTEST, data.longest, cli.datamodule.loading.batch_size).long()
    training.begin()
    found = {"step": training.step(lengths), "generation": training.generation(data.longest)}
    figures = {name: getattr(found[name.partition("_")[0]], name.partition("_")[2]) for name in TOLERANCE}
    Golden("costs", renew).check(f"{name}/{stage}", figures, TOLERANCE)

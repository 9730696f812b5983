"""Recipes of ablations: every point is a command that is understood, judged on validation by a figure that exists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.training import EXPERIMENTS
from scalemogen.cli.arguments.evaluate import build_parser
from scalemogen.cli.experiment import SHOWN, Plan, parse_stages, read_plan
from scalemogen.scales import scales_from_count
from scalemogen.skeletons import get_skeleton
from scalemogen.sweeps import Sweep, points, read_sweep
from scalemogen.sweeps.jobs import fill_command

OVERLAY = "small"
TRAINED = ["flip_strength", "part_chain", "scale_count_bit_width"]
GIVEN = ["evaluate.model=MODEL", "evaluate.data=STORE", "evaluate.evaluator=EVALUATOR"]


def read(name: str) -> tuple[Sweep, list[dict[str, Any]]]:
    settings = [] if name in TRAINED else GIVEN
    sweep, _ = read_sweep(EXPERIMENTS / "ablations" / f"{name}.yaml", settings)
    return sweep, points(sweep, None, seed=0)


def plan(sweep: Sweep, point: dict[str, Any]) -> Plan:
    _, *words = fill_command(sweep, point)
    assert words[:3] == ["-m", "scalemogen", "experiment"]
    return read_plan(words[3:])


def test_these_are_all() -> None:
    names = {path.stem for path in (EXPERIMENTS / "ablations").glob("*.yaml")}
    assert names == {OVERLAY, "sampling", *TRAINED}


@pytest.mark.parametrize("name", [*TRAINED, "sampling"])
def test_points_are_compared_on_validation(name: str) -> None:
    sweep, found = read(name)
    assert sweep.metric is not None
    stage, _, figure = sweep.metric.name.partition("/")
    assert figure in SHOWN[stage]
    assert len(found) >= 8
    for point in found:
        each = plan(sweep, point)
        assert each.given("evaluate", "split") == "val"
        assert each.seed == point.get("seed", 0)


@pytest.mark.parametrize("name", TRAINED)
def test_options_of_the_training_stages_are_understood(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(EXPERIMENTS.parent)
    sweep, found = read(name)
    assert {point["seed"] for point in found} >= {0, 1}
    modules = parse_stages(plan(sweep, found[-1]), tmp_path)
    assert len({module.path for module in modules.values()}) == 1  # one store for all stages
    assert not list(tmp_path.iterdir())


def test_options_of_the_evaluation_are_understood() -> None:
    for name in (*TRAINED, "sampling"):
        sweep, found = read(name)
        args = build_parser().parse_args(
            [*plan(sweep, found[-1]).options["evaluate"], "--model=M", "--data=D", "--evaluator=E"]
        )
        assert args.split == ["val"]
        assert not args.multimodality


def test_swept_grids_exist() -> None:
    skeleton = get_skeleton("humanml3d")
    cells = 160 // 2 ** len(skeleton.pools)
    for point in read("part_chain")[1]:
        assert skeleton.chain(point["tokenizer.model.chain"])
    sweep, found = read("scale_count_bit_width")
    counts = {point["tokenizer.model.scale_count"] for point in found}
    assert len(found) >= 12
    assert len(counts) >= 3
    for count in counts:
        assert len(scales_from_count(count, cells, skeleton.chain("inner-to-outer"))) == count
    assert sweep.metric is not None

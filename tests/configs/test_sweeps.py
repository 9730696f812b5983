"""Sweep files: every point is a command that is understood, judged on validation by a figure that exists."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.training import EXPERIMENTS
from scalemogen.cli.arguments.evaluate import build_parser
from scalemogen.cli.experiment import SHOWN
from scalemogen.cli.plans import Plan, parse_stages, read_plan
from scalemogen.cli.stages import make_cli, quiet_libraries
from scalemogen.scales import scales_from_count
from scalemogen.skeletons import get_skeleton
from scalemogen.sweeps import Sweep, points, read_sweep
from scalemogen.sweeps.jobs import fill_command

TRAINED = ["bits", "chains", "flip_strength", "scales", "scales_x_bits"]
TOKENIZERS = ["chains_bandai_namco"]
GIVEN = ["evaluate.model=MODEL", "evaluate.data=STORE", "evaluate.evaluator=EVALUATOR"]


def read(name: str) -> tuple[Sweep, list[dict[str, Any]]]:
    settings = GIVEN if name == "guidance" else []
    sweep, _ = read_sweep(EXPERIMENTS / "sweeps" / f"{name}.yaml", settings)
    return sweep, points(sweep, None, seed=0)


def plan(sweep: Sweep, point: dict[str, Any]) -> Plan:
    _, *words = fill_command(sweep, point)
    assert words[:3] == ["-m", "scalemogen", "experiment"]
    return read_plan(words[3:])


def test_these_are_all() -> None:
    names = {path.stem for path in (EXPERIMENTS / "sweeps").glob("*.yaml")}
    assert names == {"guidance", *TRAINED, *TOKENIZERS}


@pytest.mark.parametrize("name", [*TRAINED, "guidance"])
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
    stages = parse_stages(plan(sweep, found[-1]), tmp_path)
    assert len({stage.datamodule.path for stage in stages.values()}) == 1  # one store for all stages
    assert not list(tmp_path.iterdir())


def test_options_of_the_evaluation_are_understood() -> None:
    for name in (*TRAINED, "guidance"):
        sweep, found = read(name)
        args = build_parser().parse_args(
            [*plan(sweep, found[-1]).options["evaluate"], "--model=M", "--data=D", "--evaluator=E"]
        )
        assert args.split == ["val"]
        assert not args.multimodality


@pytest.mark.parametrize("name", TOKENIZERS)
def test_options_of_a_tokenizer_are_understood(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXPERIMENTS.parent)
    sweep, found = read(name)
    assert sweep.metric is not None
    assert sweep.metric.name == "val/mpjpe_root_mm"
    for point in found:
        words = fill_command(sweep, point)
        assert words[:5] == (sys.executable, "-m", "scalemogen", "tokenizer", "fit")
        with quiet_libraries():
            cli = make_cli("tokenizer", [*words[5:], f"--run={tmp_path}", "--trainer.logger=false"], run=False)
        assert (cli.model.chain, cli.model.scale_count) == (point["model.chain"], point["model.scale_count"])
        assert cli.config["seed_everything"] == point["seed_everything"]


def test_swept_grids_exist() -> None:
    skeleton = get_skeleton("humanml3d")
    cells = 160 // 2 ** len(skeleton.pools)
    for point in read("chains")[1]:
        assert skeleton.chain(point["tokenizer.model.chain"])
    for name in ("scales", "scales_x_bits"):
        counts = {point["tokenizer.model.scale_count"] for point in read(name)[1]}
        assert len(counts) >= 3
        for count in counts:
            assert len(scales_from_count(count, cells, skeleton.chain("inner-to-outer"))) == count

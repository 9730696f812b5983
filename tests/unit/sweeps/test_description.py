"""Sweep files: what is understood, and one line for what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalemogen.errors import UserError
from scalemogen.sweeps import Sweep, points, read_sweep

HEAD = "program: train.py\nmethod: grid\nparameters:\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "sweep.yaml"
    path.write_text(text)
    return path


def read(folder: Path, text: str, *settings: str) -> Sweep:
    return read_sweep(write(folder, text), settings)[0]


def test_a_grid_varies_its_last_parameter_fastest(tmp_path: Path) -> None:
    sweep = read(tmp_path, HEAD + "  a: {values: [1, x]}\n  b: {value: 2.5}\n  c: {min: 3, max: 5}\n")
    found = [(point["a"], point["b"], point["c"]) for point in points(sweep, None, seed=0)]
    assert found == [(a, 2.5, c) for a in (1, "x") for c in (3, 4, 5)]
    assert len(points(sweep, 4, seed=0)) == 4


def test_settings_fix_parameters_and_reach_the_server_too(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "  a: {values: [1, 2]}\n  b: {values: [3, 4]}\n")
    sweep, content = read_sweep(path, ["b=7", "model=runs/x=y", "empty=null"])
    assert points(sweep, None, seed=0)[1] == {"a": 2, "b": 7, "model": "runs/x=y", "empty": "null"}
    assert content["parameters"]["b"] == {"value": 7}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", ["not YAML"]),
        ("[1, 2]", ["no `parameters`"]),
        ("method: grid\n", ["no `parameters`"]),
        ("method: grid\nparameters: {}\n", ["there are none"]),
        ("method: gird\nparameters: {a: {value: 1}}\ncommand: [x]\n", ["method", "'grid'", "gird"]),
        ("method: grid\nparameters: {a: {value: 1}}\n", ["program", "missing"]),
        ("parameters: {a: {value: 1}}\nprogram: x\n", ["method", "required"]),
        (HEAD + "  a: {valeus: [1]}\n", ["parameters.a.valeus"]),
        (HEAD + "  a: 3\n", ["parameters.a", "3"]),
        (HEAD + "  a: {values: []}\n", ["parameters.a", "not empty"]),
        (HEAD + "  a: {values: [1, null]}\n", ["parameters.a", "null"]),
        (HEAD + "  a: {}\n", ["parameters.a", "value"]),
        (HEAD + "  a: {min: 1}\n", ["parameters.a", "min and max"]),
        (HEAD + "  a: {min: 5, max: 1}\n", ["parameters.a", "min <= max"]),
        (HEAD + "  a: {distribution: log_uniform_values, min: 0, max: 1}\n", ["min above 0"]),
        (HEAD + "  a: {distribution: gauss, mu: 0}\n", ["parameters.a.distribution", "gauss"]),
        (HEAD + "  a: {values: [1, 2], probabilities: [1]}\n", ["probabilities"]),
        (HEAD + "  a: {parameters: {b: {value: 1}}}\n", ["nested", "a.OPTION"]),
        (HEAD + "  a: {value: 1}\nmetirc: {name: x}\n", ["metirc"]),
        (HEAD + "  a: {value: 1}\nrun_cap: 0\n", ["run_cap"]),
    ],
)
def test_what_is_wrong_is_one_line_with_the_file(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    for word in ["sweep.yaml", *words]:
        assert word in message


def test_early_ends_as_a_server_understands_them(tmp_path: Path) -> None:
    text = HEAD + "  a: {value: 1}\nmetric: {name: y}\nearly_terminate: {type: hyperband, "
    for options, first in (("min_iter: 4}", 4), ("max_iter: 27, s: 2}", 3), ("max_iter: 16, s: 2, eta: 2}", 4)):
        early = read(tmp_path, text + options + "\n").early_terminate
        assert early is not None
        assert early.first == first


def test_a_missing_file_and_a_bad_setting(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml: No such file"):
        read_sweep(tmp_path / "none.yaml")
    for setting in ("a", "=1", "a="):
        with pytest.raises(UserError, match="KEY=VALUE"):
            read(tmp_path, HEAD + "  a: {value: 1}\n", setting)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("program: x\nmethod: bayes\nmetric: {name: y}\nparameters: {a: {min: 0, max: 1}}\n", "--count"),
        ("program: x\nmethod: random\nparameters: {a: {min: 0, max: 1}}\n", "--count"),
        (HEAD + "  a: {min: 0.0, max: 1.0}\n", "parameters.a: a grid cannot go over uniform"),
        (HEAD + "  a: {values: [1, 2, 1]}\n", "twice"),
    ],
)
def test_what_cannot_run_here(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        points(read(tmp_path, text), None, seed=0)

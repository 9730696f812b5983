"""SMPL-H models and takes become joints; nothing in their files is run."""

from __future__ import annotations

import collections
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.amass import Arrays, body_arrays, body_pickle, slow_joints, take_arrays, write_bodies, write_take
from scalemogen.data_modules.amass.body import read_bodies, read_body
from scalemogen.data_modules.amass.takes import read_take
from scalemogen.data_modules.published.form import Unusable
from scalemogen.errors import UserError


@pytest.mark.parametrize(
    ("gender", "seed", "rate", "every"),
    [("male", 0, 120.0, 6), (b"female", 1, 100.0, 5), ("neutral", 1, 59.0, 2), ("female", 1, 20.0, 1)],
)
def test_joints_are_those_of_plain_kinematics(tmp_path: Path, gender: Any, seed: int, rate: float, every: int) -> None:
    bodies = read_bodies(write_bodies(tmp_path / "smplh"))
    take = take_arrays(23, 5, gender, rate)
    joints = read_take(write_take(tmp_path / "t_poses.npz", take), bodies)
    x, y, z = np.moveaxis(slow_joints(body_arrays(seed), take)[::every, :22], -1, 0)
    np.testing.assert_allclose(joints.numpy(), np.stack((-x, z, y), -1), atol=1e-9)


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_official_pickles_hold_the_same_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int) -> None:
    expected = read_bodies(write_bodies(tmp_path / "npz"))
    for seed, name in enumerate(("SMPLH_MALE.pkl", "SMPLH_female.pkl")):
        (tmp_path / name).write_bytes(body_pickle(body_arrays(seed), monkeypatch, protocol))
    found = read_bodies(tmp_path)
    assert list(found) == ["male", "female"]
    for gender, body in found.items():
        torch.testing.assert_close(body.template, expected[gender].template, atol=1e-12, rtol=0)
        torch.testing.assert_close(body.shapes, expected[gender].shapes, atol=1e-12, rtol=0)


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call, self.arguments


@pytest.mark.parametrize("name", ["system", "eval", "getattr", "attribute"])
def test_a_hostile_pickle_is_refused(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "sprung"
    trap = {
        "system": Trap(os.system, f"touch {mark}"),
        "eval": Trap(eval, f"open({str(mark)!r}, 'w')"),
        "getattr": Trap(getattr, "text", "upper"),
        "attribute": Trap(np.fromfile, str(mark)),
    }[name]
    path = tmp_path / "SMPLH_male.pkl"
    path.write_bytes(pickle.dumps({**body_arrays(0), "J_regressor": trap}))
    with pytest.raises(UserError, match=r"SMPLH_male\.pkl is no pickle of plain data: it asks for"):
        read_body(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "value",
    [
        np.array([{"a": 1}], dtype=object),
        np.zeros(3, dtype=[("a", "f8")]),
        np.array(["text"]),
        {"no": "array"},
        7,
        np.zeros((2, 2)),
    ],
)
def test_other_objects_are_no_arrays(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "SMPLH_male.pkl"
    path.write_bytes(pickle.dumps({**body_arrays(0), "v_template": value}))
    with pytest.raises(UserError, match=r"SMPLH_male\.pkl.*(v_template|not the SMPL-H model)"):
        read_body(path)


def broken(key: str, value: Any) -> Arrays:
    """Return a model with one array in place of another; None leaves it out."""
    arrays = body_arrays(0) | {key: np.asarray(value)}
    return {name: array for name, array in arrays.items() if name != key or value is not None}


TREE = body_arrays(0)["kintree_table"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (broken("kintree_table", TREE[:, :24]), "it is SMPL: it has 24 joints, needed 52"),
        (broken("kintree_table", np.zeros((2, 55))), "it is SMPL-X: it has 55 joints"),
        (broken("kintree_table", np.roll(TREE, 1, axis=1)), "the joints of its body hang together otherwise"),
        (broken("J_regressor", np.zeros((24, 31))), r"J_regressor \(24, 31\)"),
        (broken("shapedirs", np.zeros((31, 3, 9))), r"shapedirs \(31, 3, 9\)"),
        (broken("v_template", np.full((31, 3), np.nan)), "NaN or infinite"),
        (broken("v_template", None), "no v_template"),
        (broken("v_template", 3.0), r"v_template \(\)"),
        (broken("v_template", [["a", "b", "c"]] * 31), "which are no numbers"),
    ],
)
def test_another_model_is_named(tmp_path: Path, arrays: Arrays, message: str) -> None:
    np.savez(tmp_path / "model.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=message):
        read_body(tmp_path / "model.npz")


def test_a_missing_or_damaged_model_is_named(tmp_path: Path) -> None:
    folder = write_bodies(tmp_path / "smplh")
    path = folder / "female" / "model.npz"
    content = path.read_bytes()
    for damage in (content[:-500], b"", b"no archive", pickle.dumps([1])):
        path.write_bytes(damage)
        with pytest.raises(UserError, match=r"female/model\.npz: no readable \.npz"):
            read_bodies(folder)
    path.unlink()
    with pytest.raises(
        UserError, match=r"no female SMPL-H model; needed one of female/model\.npz, .*SMPLH_FEMALE\.pkl"
    ):
        read_bodies(folder)


def changed(**values: Any) -> Arrays:
    """Return a take with other values; None leaves one out."""
    arrays = take_arrays(9, 0) | {key: np.asarray(value) for key, value in values.items()}
    return {name: array for name, array in arrays.items() if name not in values or values[name] is not None}


@pytest.mark.parametrize(
    ("arrays", "reason", "detail"),
    [
        (changed(mocap_framerate=None), "missing key", "no mocap_framerate"),
        (changed(mocap_framerate=None, mocap_frame_rate=120.0), "wrong kind of file", "SMPL[+]H G"),
        (changed(surface_model_type="smplx", poses=np.zeros((9, 165))), "wrong kind of file", "SMPL[+]H G"),
        (changed(poses=np.zeros((9, 72))), "wrong kind of file", r"poses \(9, 72\).*\(T, 156\)"),
        (changed(trans=np.zeros((8, 3))), "wrong kind of file", r"trans \(8, 3\)"),
        (changed(betas=np.zeros(4)), "wrong kind of file", r"betas \(4,\)"),
        (changed(poses=3.0), "wrong kind of file", r"poses \(\)"),
        (changed(trans=np.array([["a"] * 3] * 9)), "wrong kind of file", "no numbers in trans"),
        (changed(mocap_framerate=15.0), "wrong frame rate", "15.0; needed 20"),
        (changed(mocap_framerate=np.nan), "wrong frame rate", "nan"),
        (
            changed(gender=np.array(collections.Counter(), dtype=object)),
            "unreadable file",
            "not an array of plain numbers",
        ),
    ],
)
def test_another_file_is_named(tmp_path: Path, arrays: Arrays, reason: str, detail: str) -> None:
    bodies = read_bodies(write_bodies(tmp_path / "smplh"))
    with pytest.raises(Unusable, match=detail) as raised:
        read_take(write_take(tmp_path / "t.npz", arrays), bodies)
    assert raised.value.reason == reason


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_a_damaged_take_is_named(tmp_path: Path, suffix: str) -> None:
    content = write_take(tmp_path / "whole.npz", take_arrays(9, 0)).read_bytes()
    np.save(tmp_path / "other.npy", np.zeros((3, 5)))
    for damage in (b"", b"text", content[: len(content) // 2], (tmp_path / "other.npy").read_bytes(), pickle.dumps(1)):
        (tmp_path / f"t{suffix}").write_bytes(damage)
        with pytest.raises(Unusable):
            read_take(tmp_path / f"t{suffix}", {})

"""Tokenizers beside each other: curves over scales and seeds, budgets of tokens, and what is said of them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

from helpers.evaluation import make_store
from helpers.models import make_model
from helpers.motions import make_motion
from scalemogen.checkpoints import load_model
from scalemogen.data_modules import MotionStore, Origin, StoreWriter
from scalemogen.errors import UserError
from scalemogen.evaluation import Batching, Contender, Subject, preservation
from scalemogen.evaluation.draws import Window
from scalemogen.evaluation.neighbours import equal_windows
from scalemogen.evaluation.preservation import CURVES, accelerations, curve, deviations, liveliest
from scalemogen.evaluation.preservation_report import budget_table, preservation_plot, scales_within, statements
from scalemogen.evaluation.student import quantile
from scalemogen.metrics.functional import skeleton_preservation
from scalemogen.motion import get_layout
from scalemogen.skeletons import get_skeleton

BATCHING = Batching(5, quiet=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, two trainings of one tokenizer and one of another."""
    folder = tmp_path_factory.mktemp("preservation")
    make_store(folder)
    for seed in (0, 1):
        make_model(folder / f"inner-{seed}", "tokenizer", seed=seed)
    make_model(folder / "flat", "tokenizer", chain="flat")
    return folder


def contender(place: Path, name: str, *folders: str) -> Contender:
    store = MotionStore.open(place / "store")
    return Contender(name, [Subject(load_model(place / folder), store) for folder in folders])


def measured(place: Path) -> dict[str, Any]:
    both = [contender(place, "inner", "inner-0", "inner-1"), contender(place, "flat", "flat")]
    return preservation(both, both[0].subjects[0].store, ["test"], BATCHING)


def test_curves_budgets_and_parts(place: Path) -> None:
    found = measured(place)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["tokenizers"]["inner"]["tokens"] == [1, 9, 65]  # 1 x 1, 8 x 1, 8 x 7
    assert found["tokenizers"]["flat"]["tokens"] == [7, 21, 77]  # 1, 2 and 8 cells of 7 groups
    parts = found["splits"]["test"]
    assert {name: part["clips"] for name, part in parts.items()} == {"all clips": 7, "liveliest quarter": 2}
    for part in parts.values():
        assert list(part["curves"]) == ["inner", "flat"]
        assert all(set(curves) == set(CURVES) for curves in part["curves"].values())
        inner, flat = (part["curves"][name]["bones_mm"] for name in ("inner", "flat"))
        assert (len(inner["seeds"]), len(flat["seeds"])) == (2, 1)
        for k in range(3):
            one, other = (seed[k] for seed in inner["seeds"])
            assert inner["mean"][k] == pytest.approx((one + other) / 2)
            # two seeds: t * s / sqrt(2), s = |one - other| / sqrt(2)
            assert inner["interval"][k] == pytest.approx(quantile(1) * abs(one - other) / 2, rel=1e-3)
        assert flat["mean"] == flat["seeds"][0]


def test_deviations_are_those_of_the_decoded_clips(place: Path) -> None:
    subject = contender(place, "inner", "inner-0").subjects[0]
    windows = [Window(5, 0, 8), Window(8, 3, 30), Window(7, 0, 24)]
    found = deviations(subject, windows, Batching(2, quiet=True), "windows")
    layout, skeleton = get_layout("humanml3d"), get_skeleton("humanml3d")
    for row, window in enumerate(windows):
        decoded = subject.rebuild([window], every_scale=True).features
        target = layout.positions(subject.real([window])[0])
        alone = skeleton_preservation([layout.positions(x) for x in decoded], target, None, skeleton=skeleton)
        torch.testing.assert_close(found["bones_mm"][row], 1000 * alone.bones[:, 0], rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(found["angles_degrees"][row].deg2rad(), alone.angles[:, 0], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(found["mpjpe_root_mm"][row], 1000 * alone.joints[:, 0], rtol=1e-3, atol=1e-3)


def test_a_curve_weighs_clips_by_their_frames() -> None:
    found = curve(torch.tensor([[1.0, 0.0], [4.0, 0.0]]), torch.tensor([10, 20]))
    assert found["mean"] == pytest.approx([3.0, 0.0])
    assert found["interval"] == pytest.approx([1.96 * (((1 / 3) * 2) ** 2 + ((2 / 3) * 1) ** 2) ** 0.5, 0.0])


def test_the_liveliest_clips_are_found(tmp_path: Path) -> None:
    layout, skeleton = get_layout("humanml3d"), get_skeleton("humanml3d")
    origin = Origin("test", "none", "none")
    path = tmp_path / "store"
    with StoreWriter(path, skeleton=skeleton, layout=layout.name, fps=20.0, origin=origin, provenance={}) as writer:
        for number, factor in enumerate((1, 3, 2)):  # the same motion, resampled to be slower
            motion = make_motion(frames=31).resample(20.0 * factor)
            features = layout.from_motion(type(motion).from_rotations(skeleton, motion.rotations, motion.root, 20.0))
            assert writer.add(f"clip-{number}", features.numpy(), ["walks"], "train", {})
    store = MotionStore.open(path)
    found = accelerations(store, equal_windows(store, [0, 1, 2], 1000), BATCHING)
    assert found.argsort(descending=True).tolist() == [0, 2, 1]
    assert found[0] / found[2] == pytest.approx(4.0, rel=0.5)  # half the speed, a quarter of the acceleration
    assert liveliest(found).tolist() == [0]
    assert liveliest(torch.tensor([3.0, 9.0, 1.0, 8.0, 7.0])).tolist() == [1, 3]


def two(mine: list[list[float]], theirs: list[list[float]]) -> dict[str, Any]:
    """Return a result with the curves of the seeds of two tokenizers, of three scales and of two."""

    def of(seeds: list[list[float]]) -> dict[str, Any]:
        mean = [sum(values) / len(values) for values in zip(*seeds, strict=True)]
        return {"mean": mean, "interval": [0.5] * len(mean), "seeds": seeds}

    curves = {"a": dict.fromkeys(CURVES, of(mine)), "b": dict.fromkeys(CURVES, of(theirs))}
    return {
        "tokenizers": {"a": {"tokens": [1, 5, 21]}, "b": {"tokens": [4, 24]}},
        "splits": {"test": {"all clips": {"clips": 7, "curves": curves}}},
    }


def test_budgets_buy_whole_scales() -> None:
    assert [scales_within([4, 24], budget) for budget in (1, 4, 23, 24, 99)] == [0, 1, 1, 2, 2]
    head, *body = budget_table(two([[9.0, 5.0, 2.0]], [[6.0, 1.0]]), "test", "all clips")
    assert head[:3] == ["tokens", "scales, a", "scales, b"]
    assert [line[:5] for line in body] == [
        ["1", "1", "0", "9.00 ± 0.50", "–"],
        ["4", "1", "1", "9.00 ± 0.50", "6.00 ± 0.50"],
        ["5", "2", "1", "5.00 ± 0.50", "6.00 ± 0.50"],
        ["21", "3", "1", "2.00 ± 0.50", "6.00 ± 0.50"],
        ["24", "3", "2", "2.00 ± 0.50", "1.00 ± 0.50"],
    ]


def test_statements_follow_from_the_numbers() -> None:
    mine = [[9.0, 5.0, 2.0], [9.1, 5.9, 2.1], [8.9, 5.1, 1.9]]
    found = two(mine, [[6.0, 1.0], [6.1, 1.1], [5.9, 0.9]])
    bones = next(text for text in statements(found, "test", "all clips", "a", "b") if "Bone" in text)
    assert "after all scales 2.00 ± 0.50 (a) and 1.00 ± 0.50 (b), a difference beyond chance" in bones
    # 4 tokens: 9 against 6; 5: 5.3 against 6 and spread; 21: 2 against 6
    assert "3 numbers from 4 to 21: a is lower at 2 (1 beyond chance), b is lower at 1 (1 beyond chance)" in bones
    alone = two([[9.0, 5.0, 2.0]], [[6.0, 1.0]])
    assert "one training each" in statements(alone, "test", "all clips", "a", "b")[0]
    assert "beyond chance" not in statements(alone, "test", "all clips", "a", "b")[0].split("training each")[1]


def test_the_plot_has_a_row_for_each_part(place: Path) -> None:
    plot = preservation_plot(measured(place))
    root = ElementTree.fromstring(plot)
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}g")) == 2 * len(CURVES)
    for circle in root.iter(f"{space}circle"):
        assert 0 <= float(circle.attrib["cx"]) <= 460
        assert 0 <= float(circle.attrib["cy"]) <= 260
    assert "nan" not in plot


def test_what_cannot_be_set_beside_each_other_is_refused(place: Path) -> None:
    store = MotionStore.open(place / "store")
    inner, flat = contender(place, "inner", "inner-0"), contender(place, "flat", "flat")
    with pytest.raises(UserError, match="scales"):
        preservation([Contender("mixed", [*inner.subjects, *flat.subjects])], store, ["test"], BATCHING)
    with pytest.raises(UserError, match="no split 'tset'"):
        preservation([inner], store, ["tset"], BATCHING)
    other = copy.copy(flat.subjects[0])
    other.bundle = copy.copy(other.bundle)
    spec = copy.copy(other.bundle.spec)
    object.__setattr__(spec, "bits", 7)
    object.__setattr__(other.bundle, "spec", spec)
    with pytest.raises(UserError, match="other has 7 bits a token and inner 5"):
        preservation([inner, Contender("other", [other])], store, ["test"], BATCHING)

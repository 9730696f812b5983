"""BVH files without a table, of several skeletons, and in long takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.stores import ORIGIN, bvh_text, write_takes
from scalemogen.cli.main import main
from scalemogen.data_modules import BVH, FileNames, MotionStore, Takes, Windows, build_bvh, check_store
from scalemogen.data_modules.sources import MotionFiles
from scalemogen.errors import UserError
from scalemogen.skeletons import get_skeleton
from scalemogen.skeletons.maps import get_joint_map

HUMAN = get_skeleton("humanml3d")
NAMES = FileNames("{action}_{style}_{take}", "a person does {action} in a {style} way.")


def write_files(folder: Path, names: dict[str, int], skeleton: str = "humanml3d") -> Path:
    """Write BVH files of the given frames at 30 fps."""
    for seed, (name, frames) in enumerate(names.items()):
        path = folder / f"{name}.bvh"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(bvh_text(get_skeleton(skeleton), frames, seed))
    return folder


def build(path: Path, takes: Takes) -> MotionStore:
    return build_bvh(path, takes, progress=False)


def test_names_make_captions_and_attributes(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "f", {"raise-hand_calm_1": 12, "walk_very_calm_2": 12, "walk": 12, "run_x_3": 12})
    names = FileNames("(?P<action>[a-z-]+)_(?P<style>[a-z]+)_(?P<number>\\d)", NAMES.caption)
    store = build(tmp_path / "s", Takes(folder, ORIGIN, names=names, skeleton="humanml3d"))
    assert list(store.ids) == ["raise-hand_calm_1", "run_x_3"]
    assert store.captions(0) == ["a person does raise hand in a calm way."]
    assert store.attributes(0) == {"action": "raise-hand", "style": "calm", "number": "1"}
    assert [(fault.clip, fault.reason) for fault in store.quarantine] == [
        ("walk.bvh", "name does not match"),
        ("walk_very_calm_2.bvh", "name does not match"),
    ]


@pytest.mark.parametrize(
    ("pattern", "name", "fields"),
    [
        ("{action}_{take}", "x/walk-turn_1", {"action": "walk-turn", "take": "1"}),
        ("{data}-{n}_{action}", "d-1_a_b", {"data": "d", "n": "1", "action": "a_b"}),
        ("{who}/{what}", "ann/jump", {"who": "ann", "what": "jump"}),
        ("{a}.{b}", "k.m", {"a": "k", "b": "m"}),
        ("{a}.{b}", "kxm", None),
        ("(?P<a>k)(?P<b>z)?.*", "kxm", {"a": "k", "b": ""}),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, name: str, fields: dict[str, str] | None) -> None:
    path = tmp_path / f"{name}.bvh"
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    entries, faults = FileNames(pattern).entries(MotionFiles(tmp_path))
    assert (len(entries), len(faults)) == ((0, 1) if fields is None else (1, 0))
    if fields is not None:
        assert entries[0].attributes == fields
        assert entries[0].captions == ()


@pytest.mark.parametrize(
    ("pattern", "caption", "message"),
    [
        ("walk", "", "has no field"),
        ("{a}_{a}", "", "'a' is no name, or is there twice"),
        ("{0}", "", "'0' is no name"),
        ("{a", "", "pattern '{a'"),
        ("(?P<a>", "", "pattern"),
        ("{a}", "does {b}", "no field b in the pattern; it has a"),
        ("", "does {b}", "no field b in the pattern; it has none"),
        ("{a}", "does {a", "caption 'does {a'"),
    ],
)
def test_bad_patterns_are_refused(pattern: str, caption: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        FileNames(pattern, caption)


def test_splits_come_from_the_name_or_by_twentieths(tmp_path: Path) -> None:
    for name in [*(f"train_{i}" for i in range(3)), "val_0", *(f"odd/{i}" for i in range(20))]:
        path = tmp_path / f"{name}.bvh"
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    entries, _ = FileNames("{split}_{n}").entries(MotionFiles(tmp_path))
    assert [entry.split for entry in entries] == ["train", "train", "train", "val"]
    assert entries[0].attributes == {"n": "0"}
    plain, _ = FileNames().entries(MotionFiles(tmp_path / "odd"))
    assert sorted(entry.split for entry in plain) == ["test", *["train"] * 18, "val"]
    assert plain[1].clip == "1"


def test_files_without_words_train_a_tokenizer_only(tmp_path: Path) -> None:
    takes, _ = write_takes(tmp_path)
    store = build(tmp_path / "s", Takes(takes, ORIGIN, skeleton="humanml3d"))
    assert list(store.ids) == ["take0", "take1", "take2", "take3"]
    assert all(store.captions(i) == [] for i in range(4))
    assert store.quarantine == []
    assert check_store(store).clean


def test_hidden_files_do_not_count(tmp_path: Path) -> None:
    for name in ("._walk", "walk"):
        (tmp_path / f"{name}.bvh").write_text("")
    assert MotionFiles(tmp_path).names == ("walk.bvh",)


def test_equal_names_in_two_folders_are_two_clips(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "f", {"a/walk": 12, "b/walk": 12, "b/run": 12})
    store = build(tmp_path / "s", Takes(folder, ORIGIN, skeleton="humanml3d"))
    assert sorted(store.ids) == ["a_walk", "b_walk", "run"]


@pytest.mark.parametrize(
    ("seconds", "overlap", "frames", "expected"),
    [
        (0, 0, 100, [(0, 100)]),
        (2, 0, 40, [(0, 40)]),
        (2, 0, 80, [(0, 40), (40, 80)]),
        (2, 0, 90, [(0, 40), (40, 80), (50, 90)]),
        (2, 0.5, 90, [(0, 40), (30, 70), (50, 90)]),
        (2, 0.5, 41, [(0, 40), (1, 41)]),
    ],
)
def test_windows(seconds: float, overlap: float, frames: int, expected: list[tuple[int, int]]) -> None:
    assert Windows(seconds, overlap).cut(frames, 20.0) == expected


def test_long_takes_are_cut(tmp_path: Path) -> None:
    takes, table = write_takes(tmp_path, clips=2)
    folder = write_files(takes, {"take0": 91})
    options = {"captions": table, "skeleton": "humanml3d", "mirror": True}
    whole = build(tmp_path / "a", Takes(folder, ORIGIN, **options))  # type: ignore[arg-type]
    store = build(tmp_path / "b", Takes(folder, ORIGIN, windows=Windows(1.5, 0.5), **options))  # type: ignore[arg-type]
    assert list(store.ids) == ["clip0#0-30", "Mclip0#0-30", "clip0#20-50", "Mclip0#20-50", "clip0#30-60",
                               "Mclip0#30-60", "clip1"]  # fmt: skip
    np.testing.assert_array_equal(store.clip(2), whole.clip(0)[20:50])
    np.testing.assert_array_equal(store.clip(3), whole.clip(1)[20:50])
    assert store.attributes(2) == {"style": "calm", "take": "clip0", "start": 1.0}
    assert store.captions(2) == ["Left foot first.", "take 0"]
    with pytest.raises(UserError, match="0 <= overlap < window"):
        Windows(1.0, 1.0)


def rename(path: Path, names: dict[str, str]) -> None:
    """Rename the joints of a BVH file."""
    lines = path.read_text().splitlines(keepends=True)
    for i, line in enumerate(lines):
        word, *rest = line.split()
        if word in ("ROOT", "JOINT"):
            lines[i] = line.replace(rest[0], names[rest[0]])
    path.write_text("".join(lines))


def test_a_map_puts_several_skeletons_on_one(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "f", {"a": 40, "b": 40, "c": 40})
    joints = get_joint_map("mixamo").joints
    rename(folder / "a.bvh", dict(joints))
    rename(folder / "b.bvh", {joint: f"mixamorig:{name}" for joint, name in joints.items()})
    (folder / "d.bvh").write_text(bvh_text(get_skeleton("kit"), 40, 0))
    store = build(tmp_path / "s", Takes(folder, ORIGIN, joint_map="mixamo"))
    assert store.facts.skeleton == HUMAN
    assert list(store.ids) == ["a", "b"]
    details = {fault.clip: fault.detail for fault in store.quarantine}
    assert "joints of map mixamo are missing: Head, Hips" in details["c"]
    assert "d.bvh" in details["d"]
    # The same body under other names: what the file itself gives.
    plain = build(tmp_path / "p", Takes(write_files(tmp_path / "g", {"a": 40}), ORIGIN, skeleton="humanml3d"))
    np.testing.assert_allclose(store.clip(0), plain.clip(0), atol=5e-3)
    with pytest.raises(UserError, match="the map mixamo names its skeleton"):
        Takes(folder, ORIGIN, joint_map="mixamo", skeleton="kit")


def test_mixed_skeletons_are_refused_with_the_difference(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "f", {"a": 12, "b": 12})
    (folder / "c.bvh").write_text(bvh_text(get_skeleton("kit"), 12, 0))
    store = build(tmp_path / "s", Takes(folder, ORIGIN))
    (fault,) = store.quarantine
    assert "joints are not those of skeleton a: missing pelvis" in fault.detail
    assert "extra root, spine" in fault.detail


def test_a_first_file_that_is_broken_does_not_matter(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "f", {"a": 12, "b": 12, "c": 12})
    (folder / "a.bvh").write_text("HIERARCHY")
    store = build(tmp_path / "s", Takes(folder, ORIGIN))
    assert store.facts.skeleton.name == "b"
    assert [(fault.clip, fault.reason) for fault in store.quarantine] == [("a", "unreadable file")]
    for name in "bc":
        (folder / f"{name}.bvh").write_text("")
    with pytest.raises(UserError, match=r"a\.bvh: truncated or damaged"):
        build(tmp_path / "s", Takes(folder, ORIGIN))


def test_other_bones_are_put_on_the_skeletons_own(tmp_path: Path) -> None:
    """Two people of different height become one body; the features decode to its bones."""
    folder = write_files(tmp_path / "f", {"a": 40})
    text = (folder / "a.bvh").read_text()
    lines = [
        "\tOFFSET " + " ".join(f"{1.2 * float(value):.6f}" for value in line.split()[1:]) if "OFFSET" in line else line
        for line in text.splitlines()
    ]
    (folder / "b.bvh").write_text("\n".join(lines) + "\n")
    store = build(tmp_path / "s", Takes(folder, ORIGIN, skeleton="humanml3d"))
    positions = slice(4, 67)
    small, tall = (torch.from_numpy(store.clip(i)[:, positions].copy()) for i in range(2))
    across = [3 * (HUMAN.joints.index(joint) - 1) for joint in ("left_knee", "left_ankle")]
    bones = [
        (clip[:, across[1] : across[1] + 3] - clip[:, across[0] : across[0] + 3]).norm(dim=-1) for clip in (small, tall)
    ]
    torch.testing.assert_close(bones[0], bones[1], atol=1e-4, rtol=0)


def test_the_command_takes_names_maps_and_windows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_files(tmp_path / "f", {"walk_calm_1": 91, "run_angry_2": 40})
    common = ["--name", "n", "--licence", "l", "--citation", "c", "--skeleton", "humanml3d", "--strict"]
    words = ["--names", NAMES.pattern, "--caption", NAMES.caption, "--window", "1.5", "--overlap", "0.5"]
    assert main(["data", "bvh", "--source", str(folder), "--out", str(tmp_path / "s"), *common, *words]) == 0
    capsys.readouterr()
    store = MotionStore.open(tmp_path / "s")
    assert len(store) == 4
    assert "a person does walk in a calm way." in store.captions(1)
    options = ["data", "bvh", "--source", str(folder), "--out", str(tmp_path / "t"), *common, "--map", "cmu"]
    assert main(options) == 2
    assert "names its skeleton" in capsys.readouterr().err


def test_the_data_module_takes_the_same(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "f", {"walk_calm_1": 60, "run_angry_2": 40})
    common = {"skeleton": "humanml3d", "root": str(tmp_path / "data")}
    module = BVH(str(folder), ORIGIN, names=NAMES, windows=Windows(1.0), **common)  # type: ignore[arg-type]
    assert len(module.store) == 4
    paths = {
        BVH(str(folder), ORIGIN, **common).path,  # type: ignore[arg-type]
        BVH(str(folder), ORIGIN, names=NAMES, **common).path,  # type: ignore[arg-type]
        BVH(str(folder), ORIGIN, joint_map="cmu", root=str(tmp_path / "data")).path,
        module.path,
    }
    assert len(paths) == 4


@pytest.mark.parametrize("fps", [0.0, -3.0, float("nan"), 1e5])
def test_odd_frame_rates_are_refused_before_anything_is_read(tmp_path: Path, fps: float) -> None:
    with pytest.raises(UserError, match="frames per second: above 0 and below 1000 needed"):
        Takes(tmp_path / "nowhere", ORIGIN, fps=fps)

"""Raw AMASS becomes a store of HumanML3D: cut, mirrored, put on one skeleton; stopped builds go on."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.amass import take_arrays, write_bodies, write_index, write_take, write_texts
from helpers.shared import SHARED, needs_data
from scalemogen.cli.main import main
from scalemogen.data_modules import AmassSet, MotionStore, build_amass, check_store
from scalemogen.data_modules.amass.clips import BONES, Row, read_index, retarget, to_features
from scalemogen.data_modules.published.form import Unusable
from scalemogen.errors import UserError
from scalemogen.motion import get_layout
from scalemogen.motion.mirror import mirror_positions
from scalemogen.motion.rotations import turn_about_y
from scalemogen.skeletons import get_skeleton

SKELETON = get_skeleton("humanml3d")
ROWS = {
    "000000": ("KIT/3/kick_left02_poses.npy", 0, 60),
    "000001": ("humanact12/humanact12/P11G01.npy", 0, -1),
    "000002": ("KIT/3/kick_left02_poses.npy", 30, 75),
    "000003": ("BioMotionLab_NTroje/rub001/0005 jumping_poses.npy", 5, 900),
    "000004": ("CMU/80/80_63_poses.npy", 0, 50),
    "000005": ("KIT/4/late_poses.npy", 80, 90),
    "000006": ("KIT/4/newer_poses.npy", 0, 50),
    "000007": ("MPI_HDM05/mm/HDM_poses.npy", 10, 55),
    "000008": ("KIT/4/late_poses.npy", 0, 1),
    "000009": ("KIT/5/nan_poses.npy", 0, 50),
}
NAMES = [name for clip in ROWS for name in (clip, f"M{clip}")]


def write_amass(tmp_path: Path) -> dict[str, Path]:
    """Write takes, index, texts and models; some takes are missing, damaged or short."""
    amass = tmp_path / "amass"
    write_take(amass / "KIT" / "KIT" / "3" / "kick_left02_poses.npz", take_arrays(480, 0))
    write_take(amass / "BMLrub" / "rub001" / "0005_jumping_poses.npz", take_arrays(300, 1, "female", 100.0))
    write_take(amass / "KIT" / "4" / "late_poses.npz", take_arrays(240, 2))
    newer = take_arrays(300, 3)
    write_take(amass / "KIT" / "4" / "newer_poses.npz", {**newer, "mocap_frame_rate": newer["mocap_framerate"]})
    write_take(amass / "MPI_HDM05" / "mm" / "HDM_poses.npz", take_arrays(720, 4))
    spoilt = take_arrays(300, 5)
    spoilt["trans"][60] = np.nan
    write_take(amass / "KIT" / "5" / "nan_poses.npz", spoilt)
    (amass / "humanact12" / "humanact12").mkdir(parents=True)
    np.save(amass / "humanact12" / "humanact12" / "P11G01.npy", acted())
    lists = {"train": [*NAMES[:-6], "999999"], "val": NAMES[-6:-4], "test": NAMES[-4:]}
    return {
        "--amass": amass,
        "--body-model": write_bodies(tmp_path / "smplh"),
        "--index": write_index(tmp_path / "index.csv", ROWS),
        "--texts": write_texts(tmp_path / "texts", lists),
    }


def acted() -> np.ndarray:
    """Return joints (47, 24, 3) of a person who stands and wavers."""
    noise = torch.Generator().manual_seed(7)
    rest = torch.zeros(24, 3)
    for joint, (parent, offset) in enumerate(zip(SKELETON.parents, SKELETON.offsets, strict=True)):
        rest[joint] = rest[max(parent, 0)] + torch.tensor(offset)
    return (0.8 * rest + 0.01 * torch.randn(47, 24, 3, generator=noise)).numpy()


def reader(tmp_path: Path, options: dict[str, Path]) -> AmassSet:
    return AmassSet(
        options["--texts"],
        amass=options["--amass"],
        body_model=options["--body-model"],
        index=options["--index"],
        parts=tmp_path / "store.parts",
    )


def test_the_command_makes_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = write_amass(tmp_path)
    out = tmp_path / "store"
    command = ["data", "humanml3d", "--out", str(out), *(text for pair in options.items() for text in map(str, pair))]
    assert main([*command, "--strict"]) == 1
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert "reading humanml3d from AMASS: 100%" in shown.err
    assert "no file of CMU" in shown.out
    store = MotionStore.open(out)
    assert list(store.ids) == [
        f"{m}{clip}" for clip in ("000000", "000001", "000002", "000003", "000007") for m in ("", "M")
    ]
    assert store.lengths[::2].tolist() == [59, 46, 44, 54, 44]
    assert store.captions(0) == ["a person walks forward.", "someone runs."]
    assert store.facts.layout == "humanml3d-published"
    assert [(record.clip, record.reason) for record in store.quarantine if not record.clip.startswith("M")] == [
        ("000003", "range outside"),
        ("000004", "no file of CMU"),
        ("000005", "range outside"),
        ("000006", "wrong kind of file"),
        ("999999", "not in the index"),
        ("000008", "too short"),
        ("000009", "NaN"),
    ]
    assert "frames 5 to 900 of 60 in 0005 jumping_poses.npy; the clip ends with the take" in str(store.quarantine[0])
    assert check_store(store).faults == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["amass", "index.csv", "smplh", "store", "texts"]
    expected = to_features(torch.from_numpy(acted()[:, :22]).double())
    np.testing.assert_array_equal(store.clip(2), expected.numpy())


def test_a_stopped_build_goes_on(tmp_path: Path) -> None:
    options = write_amass(tmp_path)
    whole = build_amass(tmp_path / "whole", reader(tmp_path, options), progress=False)
    parts = tmp_path / "store.parts"
    assert not parts.exists()
    source = reader(tmp_path, options)
    clips = source.read(source.splits()[0], lambda *_: None)
    assert [next(clips)[0][0].clip for _ in range(3)] == ["000000", "M000000", "000001"]
    clips.close()
    kept = {path: path.stat().st_mtime_ns for path in parts.iterdir()}
    assert len(kept) == 2
    for _ in source.read(source.splits()[0], lambda *_: None):
        pass
    assert kept.items() <= {path: path.stat().st_mtime_ns for path in parts.iterdir()}.items()
    (parts / "foreign.txt").touch()
    again = build_amass(tmp_path / "store", reader(tmp_path, options), progress=False)
    assert again.facts.digest == whole.facts.digest
    assert again.quarantine == whole.quarantine
    assert [path.name for path in parts.iterdir()] == ["foreign.txt"]


def test_parts_of_another_take_or_model_are_not_used(tmp_path: Path) -> None:
    options = write_amass(tmp_path)
    first = reader(tmp_path, options)
    takes = {name: take.part for name, take in first._takes(first.splits()[0]).items()}
    write_take(options["--amass"] / "KIT" / "4" / "late_poses.npz", take_arrays(246, 2))
    second = reader(tmp_path, options)
    changed = {name for name, take in second._takes(second.splits()[0]).items() if take.part != takes[name]}
    assert changed == {"000005", "M000005", "000008", "M000008"}
    assert second.digest != first.digest
    (options["--body-model"] / "male" / "model.npz").write_bytes((tmp_path / "smplh/female/model.npz").read_bytes())
    third = reader(tmp_path, options)
    assert all(take.part != takes[name] for name, take in third._takes(third.splits()[0]).items())
    pickle.loads(pickle.dumps(third._bodies))  # for other processes


@pytest.mark.parametrize(
    ("source", "start", "stop", "kept"),
    [
        ("KIT/3/a_poses.npy", 10, 30, range(10, 30)),
        ("Eyes_Japan_Dataset/a/b_poses.npy", 10, 30, range(70, 90)),
        ("MPI_HDM05/a/b_poses.npy", 0, 5, range(60, 65)),
        ("TotalCapture/a/b_poses.npy", 1, 5, range(21, 25)),
        ("MPI_Limits/a/b_poses.npy", 1, 5, range(21, 25)),
        ("Transitions_mocap/a/b_poses.npy", 1, 5, range(11, 15)),
        ("humanact12/humanact12/b.npy", 0, -1, range(100)),
        ("KIT/3/a_poses.npy", 90, 120, range(90, 100)),
        ("KIT/3/a_poses.npy", 100, 120, None),
        ("MPI_HDM05/a/b_poses.npy", 45, 50, None),
        ("KIT/3/a_poses.npy", 7, 7, None),
        ("KIT/3/a_poses.npy", -5, 7, None),
        ("KIT/3/a_poses.npy", 0, -1, None),
    ],
)
def test_clips_are_cut_by_the_index(source: str, start: int, stop: int, kept: range | None) -> None:
    row, take = Row("x", f"./pose_data/{source}", start, stop), torch.arange(100.0)
    if kept is None:
        with pytest.raises(Unusable, match="frames"):
            row.cut(take)
        return
    found, note = row.cut(take)
    assert found.tolist() == list(kept)
    assert ("ends with the take" in note) == (stop > 100)


def test_retargeting_keeps_directions() -> None:
    joints = torch.from_numpy(acted()[:, :22]).double()
    found = retarget(joints)
    bones, own = (values[:, 1:] - values[:, list(SKELETON.parents[1:])] for values in (found, joints))
    lengths = torch.linalg.vector_norm(bones, dim=-1)
    torch.testing.assert_close(lengths, torch.tensor(BONES).double().expand_as(lengths), atol=1e-6, rtol=0)
    cosine = torch.nn.functional.cosine_similarity(bones, own, dim=-1)
    torch.testing.assert_close(cosine, torch.ones_like(cosine))
    leg = own[0, [4, 7]].norm(dim=-1).sum()
    torch.testing.assert_close(found[:, 0], joints[:, 0] * ((BONES[4] + BONES[7]) / leg))


@needs_data("humanml3d_sample")
@pytest.mark.parametrize("size", [1.0, 0.7])
def test_the_published_sample_comes_out(size: float) -> None:
    sample = SHARED / "humanml3d_sample"
    joints = torch.from_numpy(np.load(sample / "new_joints" / "012314.npy")).double()
    published = torch.from_numpy(np.load(sample / "new_joint_vecs" / "012314.npy"))
    moved = size * turn_about_y(joints, torch.tensor(2.0).double()) + torch.tensor([3.0, 0.4, -5.0]).double()
    found = to_features(moved)
    assert found.shape == (169, 263)
    # The heading is smoothed over 20 frames, and the published one saw another frame at the end.
    torch.testing.assert_close(found[:100], published[:100].float(), atol=2e-5, rtol=0)
    # A mirrored copy steps to the other side, as fast and as high; its left bones are as long as the left ones.
    mirrored = to_features(mirror_positions(moved, SKELETON))
    torch.testing.assert_close(mirrored[:100, 3], found[:100, 3], atol=2e-2, rtol=0)
    torch.testing.assert_close(mirrored[:100, 1], -found[:100, 1], atol=2e-2, rtol=0)
    positions = get_layout("humanml3d-published").positions(mirrored)
    length = (positions[:, 4] - positions[:, 1]).norm(dim=-1)
    torch.testing.assert_close(length, torch.full_like(length, BONES[3]), atol=1e-5, rtol=0)


@needs_data("humanml3d_sample")
def test_the_published_index_is_read() -> None:
    rows = read_index(SHARED / "humanml3d_sample" / "index.csv")
    assert len(rows) == 14616
    assert rows["012314"].subset == "Eyes_Japan_Dataset"
    assert (rows["012314"].start, rows["012314"].stop) == (149, 320)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source_path,start_frame,new_name\n", "no column end_frame"),
        ("source_path,start_frame,end_frame,new_name\na,0,x,b.npy\n", "line 2: frames '0' to 'x' are no whole"),
        ("source_path,start_frame,end_frame,new_name\na\n", "line 2: frames '' to ''"),
        ("source_path,start_frame,end_frame,new_name\na,0,1,b.npy\na,0,2,b.npy\n", "line 3: b is there twice"),
        ("", "no column source_path"),
    ],
)
def test_a_broken_index_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "index.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_index(tmp_path / "index.csv")
    with pytest.raises(UserError, match="the index cannot be read"):
        read_index(tmp_path / "nowhere.csv")


def test_options_belong_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "x")]
    for options, message in (
        ([], "give the folder of the published data set, or --amass, --body-model, --index, --texts"),
        (["here", "--amass", "a"], "give the folder of the published data set, or --amass"),
        (["--amass", "a", "--index", "i", "--texts", "t"], "--body-model is missing"),
        (["here", "--workers", "2"], "--workers works only with --amass"),
    ):
        assert main(["data", "humanml3d", *options, *out]) == 2
        assert message in capsys.readouterr().err
    write_amass(tmp_path)
    command = ["data", "humanml3d", *out, "--json", "--body-model", str(tmp_path / "smplh")]
    command += ["--index", str(tmp_path / "index.csv"), "--texts", str(tmp_path / "texts"), "--amass"]
    assert main([*command, str(tmp_path / "nowhere")]) == 2
    assert "nowhere: no such folder; needed: the unpacked subsets of AMASS" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "amass")]) == 0
    assert json.loads(capsys.readouterr().out)["clips"] == 10

"""BVH files and captions tables become stores; what is wrong with them is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.motions import standing
from helpers.stores import ORIGIN, bvh_text, write_table, write_takes, zip_folder
from scalemogen.data_modules import BVH, Loading, MotionStore, Origin, Takes, build_bvh
from scalemogen.data_modules.table import read_table
from scalemogen.errors import UserError
from scalemogen.motion import Motion, get_layout
from scalemogen.skeletons import get_skeleton


def build(path: Path, source: Path, captions: Path, mirror: bool = False, skeleton: str = "humanml3d") -> MotionStore:
    takes = Takes(source, ORIGIN, captions=captions, skeleton=skeleton, mirror=mirror)
    return build_bvh(path, takes, progress=False)


def reasons(store: MotionStore) -> list[tuple[str, str]]:
    return [(record.clip, record.reason) for record in store.quarantine]


def test_a_folder_becomes_a_store(tmp_path: Path) -> None:
    store = build(tmp_path / "store", *write_takes(tmp_path))
    assert list(store.ids) == ["clip0", "clip1", "clip2", "clip3"]
    assert store.quarantine == []
    # 40 frames at 30 fps end at 1.3 s: 27 frames at 20 fps, of which the last has no velocity.
    assert store.lengths[0] == 26
    assert store.captions(1) == ["Left foot first.", "take 1"]
    assert store.attributes(1) == {"style": "calm"}
    assert store.split(3) == "val"
    assert store.facts.fps == 20
    assert store.provenance["options"]["floor"] == "lowest"
    lowest = get_layout("humanml3d").positions(torch.from_numpy(store.clip(2).copy()))[..., 1].min()
    assert abs(float(lowest)) < 1e-3


def test_an_archive_gives_the_same_store_without_unpacking(tmp_path: Path) -> None:
    takes, table = write_takes(tmp_path)
    folder = build(tmp_path / "a", takes, table)
    archive = build(tmp_path / "b", zip_folder(takes), table)
    assert folder.facts.digest == archive.facts.digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "captions.csv", "takes", "takes.zip"]


def test_processes_do_not_change_the_store(tmp_path: Path) -> None:
    takes, table = write_takes(tmp_path, clips=3)
    one = build(tmp_path / "a", takes, table)
    options = Takes(takes, ORIGIN, captions=table, skeleton="humanml3d")
    two = build_bvh(tmp_path / "b", options, processes=1, progress=False)
    assert one.facts.digest == two.facts.digest


def test_mirrored_copies_are_made_of_training_clips_only(tmp_path: Path) -> None:
    store = build(tmp_path / "store", *write_takes(tmp_path, clips=2), mirror=True)
    assert list(store.ids) == ["clip0", "Mclip0", "clip1"]
    assert store.captions(1) == ["Right foot first.", "take 0"]
    layout, skeleton = get_layout("humanml3d"), get_skeleton("humanml3d")
    joints, mirrored = (layout.positions(torch.from_numpy(store.clip(i).copy())) for i in (0, 1))
    expected = joints[:, list(skeleton.mirror)] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(mirrored, expected, atol=2e-3, rtol=0)


def test_the_skeleton_is_derived_from_the_first_file(tmp_path: Path) -> None:
    store = build(tmp_path / "store", *write_takes(tmp_path), skeleton="")
    assert set(store.facts.skeleton.joints) == set(get_skeleton("humanml3d").joints)
    assert store.facts.skeleton.name == "take0"


def test_another_skeleton_is_refused_by_its_joints(tmp_path: Path) -> None:
    takes, table = write_takes(tmp_path)
    with pytest.raises(UserError, match=r"no clip can be used; the first of 4 faults: clip0: unreadable file .*take0"):
        build(tmp_path / "store", takes, table, skeleton="bandai_namco")


def test_damaged_files_are_quarantined(tmp_path: Path) -> None:
    takes, table = write_takes(tmp_path, clips=7)
    text = (takes / "take0.bvh").read_text()
    (takes / "take0.bvh").write_text(text[: len(text) // 2])
    (takes / "take1.bvh").write_text(text.replace("90.00000", "nan", 1))
    (takes / "take2.bvh").write_bytes(b"")
    (takes / "take3.bvh").write_text(bvh_text(get_skeleton("humanml3d"), 1, 0))
    (takes / "take4.bvh").unlink()
    (takes / "extra.bvh").write_text(text)
    store = build(tmp_path / "store", takes, table)
    assert list(store.ids) == ["clip5", "clip6"]
    assert reasons(store) == [
        ("clip4", "no file"),
        ("extra.bvh", "file without captions"),
        ("clip0", "unreadable file"),
        ("clip1", "unreadable file"),
        ("clip2", "unreadable file"),
        ("clip3", "unreadable file"),
    ]
    assert all("take" in record.detail for record in store.quarantine[2:])


def test_a_file_with_z_up_is_quarantined(tmp_path: Path) -> None:
    takes, table = write_takes(tmp_path)
    person = standing(frames=40)
    rotations = person.rotations.clone()
    rotations[:, 0] = torch.tensor([0.5**0.5, 0.0, 0.0, 0.5**0.5])
    Motion.from_rotations(person.skeleton, rotations, person.root, 20.0).save(takes / "take1.bvh")
    store = build(tmp_path / "store", takes, table)
    assert reasons(store) == [("clip1", "unreadable file")]
    assert "seems to have Z up" in store.quarantine[0].detail


def test_faults_of_the_table_are_quarantined(tmp_path: Path) -> None:
    takes, _ = write_takes(tmp_path)
    table = write_table(
        tmp_path / "table.csv",
        [
            ("good", "take0.bvh", "train", "fine", "x"),
            ("good", "take0.bvh", "train", " ", "x"),
            ("both", "take1.bvh", "train", "one", "x"),
            ("both", "take1.bvh", "test", "two", "x"),
            ("twice", "take1.bvh", "train", "one", "x"),
            ("twice", "take2.bvh", "train", "two", "x"),
            ("", "take1.bvh", "train", "one", "x"),
            ("nowhere", "take1.bvh", "", "one", "x"),
            ("fileless", "", "train", "one", "x"),
            ("mute", "take3.bvh", "train", "", "x"),
        ],
    )
    store = build(tmp_path / "store", takes, table)
    assert list(store.ids) == ["good"]
    assert store.captions(0) == ["fine"]
    assert reasons(store) == [
        ("table.csv line 8", "no id"),
        ("both", "in two splits"),
        ("twice", "duplicate id"),
        ("nowhere", "no split"),
        ("fileless", "no file"),
        ("take1.bvh", "file without captions"),
        ("take2.bvh", "file without captions"),
        ("good", "empty caption"),
        ("mute", "empty caption"),
    ]


def test_a_missing_column_is_named_with_those_found(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", [("a", "b", "c")], "clip,file,text")
    with pytest.raises(
        UserError, match=r"t.csv: no column 'split', 'caption'; found clip, file, text; needed clip, file"
    ):
        read_table(table)
    (tmp_path / "t.csv").write_text("")
    with pytest.raises(UserError, match="found an empty file"):
        read_table(table)


def test_a_table_may_start_with_a_byte_order_mark_and_hold_commas(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes('\ufeffclip, file ,split,caption\na,a.bvh,train,"steps, then ""jumps"""\n'.encode())
    entries, faults = read_table(table)
    assert entries[0].captions == ('steps, then "jumps"',)
    assert faults == []


def test_other_encodings_and_missing_tables_are_named(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    lines = ["clip,file,split,caption", "a,b,train,happy", "a,b,train,fröhlich", "c,d,train,fröhlich", "ü,e,val,calm"]
    table.write_bytes("\n".join([*lines, "f,g,val,fein"]).encode("latin-1"))
    entries, faults = read_table(table)
    assert [(entry.clip, entry.captions) for entry in entries] == [("a", ("happy",)), ("f", ("fein",))]
    assert [str(fault) for fault in faults] == [
        "a: text not UTF-8 (t.csv line 3, caption; the line is left out)",
        "c: text not UTF-8 (t.csv line 4, caption; the line is left out)",
        "t.csv line 5: text not UTF-8 (t.csv line 5, clip; the line is left out)",
    ]
    table.write_bytes("clip,file,split,caption,größe\na,b,train,happy,1".encode("latin-1"))
    with pytest.raises(UserError, match=r"t.csv: the name of column 'gr.*' is not UTF-8; save the table as UTF-8"):
        read_table(table)
    table.write_bytes("\n".join(lines).encode("utf-16"))
    with pytest.raises(UserError, match=r"t.csv: "):
        read_table(table)
    with pytest.raises(UserError, match="no such captions table"):
        read_table(tmp_path / "none.csv")


def test_a_source_must_exist_and_hold_files(tmp_path: Path) -> None:
    _, table = write_takes(tmp_path)
    with pytest.raises(UserError, match="none: no such folder or archive"):
        build(tmp_path / "s", tmp_path / "none", table)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: holds no .bvh file"):
        build(tmp_path / "s", tmp_path / "empty", table)
    with pytest.raises(UserError, match="neither a folder nor a readable zip archive"):
        build(tmp_path / "s", table, table)


def test_a_damaged_archive_costs_its_damaged_files_only(tmp_path: Path) -> None:
    takes, table = write_takes(tmp_path)
    archive = zip_folder(takes)
    content = bytearray(archive.read_bytes())
    content[200:210] = bytes(10)
    archive.write_bytes(content)
    store = build(tmp_path / "store", archive, table)
    assert reasons(store) == [("clip0", "unreadable file")]


def test_the_data_module_builds_once_and_again_when_a_source_changes(tmp_path: Path) -> None:
    takes, table = write_takes(tmp_path)

    def module(**options: object) -> BVH:
        return BVH(
            str(takes), ORIGIN, captions=str(table), skeleton="humanml3d", root=str(tmp_path / "data"), **options
        )

    first = module()
    first.prepare_data()
    first.setup("fit")
    written = (first.path / "store.json").stat().st_mtime_ns
    again = module(loading=Loading(batch_size=1))
    assert again.path == first.path
    again.prepare_data()
    assert (first.path / "store.json").stat().st_mtime_ns == written
    assert module(mirror=True).path != first.path
    assert BVH(str(takes), Origin("o", "l", "c"), captions=str(table), root=str(tmp_path / "data")).path != first.path
    table.write_text(table.read_text().replace("take 1", "take one"))
    assert module().path != first.path
    assert first.captions("val") == ["Left foot first.", "take 3"]


def test_features_keep_their_frame_rate_when_it_is_the_files(tmp_path: Path) -> None:
    takes, table = write_takes(tmp_path, clips=2)
    options = Takes(takes, ORIGIN, captions=table, skeleton="humanml3d", fps=30)
    store = build_bvh(tmp_path / "s", options, progress=False)
    assert store.facts.fps == 30
    assert store.lengths.tolist() == [39, 42]
    # One centimetre a frame along x, which is sideways for a body that faces z.
    assert np.allclose(np.hypot(store.clip(0)[:, 1], store.clip(0)[:, 2]), 0.01, atol=1e-4)

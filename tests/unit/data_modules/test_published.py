"""HumanML3D, KIT-ML and SnapMoGen in their published form become stores; what is damaged is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.published import RUN, WALK, snapmogen_captions, write_humanml3d, write_snapmogen
from helpers.shared import SHARED, needs_data
from helpers.stores import random_features
from scalemogen.cli.main import main
from scalemogen.data_modules import KIT, HumanML3D, Loading, MotionStore, SnapMoGen, build_published, check_store
from scalemogen.data_modules.published import HumanML3DSet, KITSet, PublishedSet, SnapMoGenSet
from scalemogen.data_modules.published.form import Unusable
from scalemogen.data_modules.published.humanml3d import parse_line
from scalemogen.errors import UserError
from scalemogen.motion import get_layout
from scalemogen.skeletons import get_skeleton


def build(path: Path, source: PublishedSet, **options: object) -> MotionStore:
    return build_published(path, source, progress=False, **options)  # type: ignore[arg-type]


def reasons(store: MotionStore) -> list[tuple[str, str]]:
    return [(record.clip, record.reason) for record in store.quarantine]


def test_humanml3d_becomes_a_store(tmp_path: Path) -> None:
    source = write_humanml3d(tmp_path / "h", {"000000": 41, "M000000": 41, "000001": 53, "000002": 199})
    store = build(tmp_path / "store", HumanML3DSet(source))
    assert list(store.ids) == ["000000", "M000000", "000001", "000002"]
    assert [store.split(i) for i in range(4)] == ["train", "train", "val", "test"]
    assert store.quarantine == []
    assert store.captions(0) == ["a person walks forward.", "someone runs."]
    assert store.attributes(0) == {"tagged": ["a/DET person/NOUN walk/VERB forward/ADV", "someone/PRON run/VERB"]}
    np.testing.assert_array_equal(store.clip(2), np.load(source / "new_joint_vecs" / "000001.npy"))
    facts = store.facts
    assert (facts.layout, facts.skeleton.name, facts.fps) == ("humanml3d-published", "humanml3d", 20.0)
    assert "AMASS" in facts.licence
    assert "CVPR 2022" in facts.citation
    protocol = {"metres_per_unit": 1.0, "unit_frames": 4, "min_frames": 40, "max_frames": 196}
    assert store.provenance["protocol"] == protocol
    assert check_store(store).clean


def test_tagged_parts_become_clips_of_their_own(tmp_path: Path) -> None:
    texts = {
        "000000": [
            WALK,
            "he waves.#he/PRON wave/VERB#1.0#3.5",
            "he is too quick.#he/PRON#0.0#1.5",
            "he sits.#he/PRON sit/VERB#0.0#2.05",
            RUN,
        ],
        "000001": ["only a part.#only/ADV a/DET part/NOUN#0.0#2.0"],
        "000002": ["both nan#both/DET nan/NOUN#nan#nan"],
    }
    lengths = {"000000": 101, "000001": 60, "000002": 50, "000003": 39, "000004": 200, "000005": 60, "000006": 60}
    store = build(tmp_path / "store", HumanML3DSet(write_humanml3d(tmp_path / "h", lengths, texts)))
    # Parts come before their clip; frames are cut at 20 a second and rounded down.
    assert list(store.ids) == ["A_000000", "B_000000", "000000", "A_000001", "000002", "000005", "000006"]
    assert store.lengths[:5].tolist() == [50, 41, 101, 40, 50]
    np.testing.assert_array_equal(store.clip(0), store.clip(2)[20:70])
    assert store.captions(0) == ["he waves."]
    assert store.attributes(1) == {"tagged": ["he/PRON sit/VERB"]}
    assert store.captions(2) == ["a person walks forward.", "someone runs."]
    assert store.quarantine == []
    assert store.provenance["left_out"] == {
        "tagged parts shorter than 40 frames": 1,
        "clips shorter than 40 frames": 1,
        "clips of 200 frames or more": 1,
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a#b/DET#0.0#0.0", ("a", "b/DET", 0.0, 0.0)),
        ("  a walk #b/X c/Y#1.5#nan \n", None),
        ("a#nan/X#nan#0.0", ("a", "nan/X", 0.0, 0.0)),
        ("he is #1#he/PRON#0.5#2", ("he is #1", "he/PRON", 0.5, 2.0)),
        ("no fields", None),
        ("a#b#c#d", None),
        ("#b/DET#0.0#0.0", None),
        ("a#b/DET#3.0#2.0", None),
        ("a#b/DET#-1.0#2.0", None),
        ("a#b/DET#0.0#inf", None),
    ],
)
def test_lines_of_texts(line: str, expected: tuple[str, str, float, float] | None) -> None:
    if expected is None:
        with pytest.raises(Unusable):
            parse_line(line)
    else:
        found = parse_line(line)
        assert (found.caption, found.tagged, found.start, found.end) == expected


def damage_humanml3d(tmp_path: Path) -> Path:
    """Return a data set of 16 clips of which one is whole in each split, and the others broken in one way each."""
    lengths = {f"{i:06d}": 50 for i in range(16)}
    texts = {
        "000003": ["  ", ""],
        "000004": ["broken line", WALK],
        "000005": ["late.#late/ADV#3.0#5.0", WALK],
        "000006": ["long.#long/ADV#0.1#9.0", WALK],
        "000007": [" #a/DET#0.0#0.0"],
    }
    source = write_humanml3d(tmp_path / "h", lengths, texts)
    vectors = source / "new_joint_vecs"
    (vectors / "000001.npy").unlink()
    (source / "texts" / "000002.txt").unlink()
    spoilt = random_features(50, 0)
    spoilt[7, 3] = np.nan
    np.save(vectors / "000008.npy", spoilt)
    np.save(vectors / "000009.npy", random_features(50, 0, 251))
    content = (vectors / "000010.npy").read_bytes()
    (vectors / "000010.npy").write_bytes(content[:-1000])
    (vectors / "000011.npy").write_bytes(b"")
    np.save(vectors / "000012.npy", np.array([{"code": 1}], dtype=object), allow_pickle=True)
    (source / "texts" / "000013.txt").write_bytes("une personne s'arr\xeate#x/X#0.0#0.0".encode("latin-1"))
    # 000013 is the last training clip: it goes on in train, and one clip of each split is listed twice.
    train = (source / "train.txt").read_text()
    (source / "train.txt").write_text(f"\ufeff{train}000000\n\n", "utf-8")
    (source / "test.txt").write_text("000015\n000014\n")
    return source


def test_damage_is_named_and_the_rest_is_used(tmp_path: Path) -> None:
    store = build(tmp_path / "store", HumanML3DSet(damage_humanml3d(tmp_path)))
    assert list(store.ids) == ["000000", "000004", "000005", "A_000006", "000006", "000015"]
    assert reasons(store) == [
        ("000014", "in two splits"),
        ("000001", "no file"),
        ("000002", "no text"),
        ("000003", "no caption"),
        ("000004", "malformed caption"),
        ("000005", "time tag outside"),
        ("000006", "time tag outside"),
        ("000007", "empty caption"),
        ("000007", "no caption"),
        ("000008", "NaN"),
        ("000009", "wrong width"),
        ("000010", "unreadable file"),
        ("000011", "unreadable file"),
        ("000012", "unreadable file"),
        ("000013", "text not UTF-8"),
    ]
    assert "251" in store.quarantine[10].detail
    assert len(store.clip(store.index("A_000006"))) == 48
    assert all(store.captions(i) for i in range(len(store)))


@pytest.mark.parametrize(("strict", "status"), [([], 0), (["--strict"], 1)])
def test_strict_tells_by_the_exit_status(
    tmp_path: Path, strict: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = damage_humanml3d(tmp_path), tmp_path / "store"
    assert main(["data", "humanml3d", str(source), "--out", str(out), *strict]) == status
    shown = capsys.readouterr()
    assert "reading humanml3d: 100%" in shown.err
    assert "000008: NaN (1 values, first in frame 7, channel 3)" in shown.out
    assert len(MotionStore.open(out)) == 6


def test_a_clean_data_set_passes_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_snapmogen(tmp_path / "s", {"train": ["a#0#9"], "val": ["b#0#7"], "test": ["c#1#6"]}, frames=9)
    assert main(["data", "snapmogen", str(source), "--out", str(tmp_path / "x"), "--strict", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["clips"] == 3
    assert not shown.err


def test_archives_are_read_in_place(tmp_path: Path) -> None:
    source = write_humanml3d(tmp_path / "h", {"000000": 41, "000001": 53, "000002": 44})
    folder = build(tmp_path / "a", HumanML3DSet(source))
    for name in ("new_joint_vecs", "texts"):
        shutil.make_archive(str(source / name), "zip", source, name)
        shutil.rmtree(source / name)
    archive = build(tmp_path / "b", HumanML3DSet(source))
    assert archive.facts.digest == folder.facts.digest


def test_published_statistics_are_stored_when_asked_for(tmp_path: Path) -> None:
    source = write_humanml3d(tmp_path / "h", {"000000": 41, "000001": 53, "000002": 44})
    own = build(tmp_path / "a", HumanML3DSet(source)).facts
    published = build(tmp_path / "b", HumanML3DSet(source), statistics="published").facts
    assert published.mean.unique().tolist() == [0.5]
    assert published.std.unique().tolist() == [2.0]
    torch.testing.assert_close(own.mean, torch.from_numpy(random_features(41, 0)).mean(0), atol=1e-6, rtol=0)
    np.save(source / "Std.npy", np.ones(251))
    with pytest.raises(UserError, match=r"Std\.npy: shape \(251,\); 263"):
        build(tmp_path / "b", HumanML3DSet(source), statistics="published")
    (source / "Mean.npy").write_bytes(b"Mean")
    with pytest.raises(UserError, match=r"Mean\.npy: no readable statistics \(not a .npy file\)"):
        build(tmp_path / "b", HumanML3DSet(source), statistics="published")
    (source / "Mean.npy").unlink()
    with pytest.raises(UserError, match=r"Mean\.npy: no readable statistics"):
        build(tmp_path / "b", HumanML3DSet(source), statistics="published")


def test_kit_has_its_own_rate_width_and_unit(tmp_path: Path) -> None:
    texts = {"00001": ["er winkt.#er/PRON#1.0#4.0", WALK]}
    source = write_humanml3d(tmp_path / "k", {"00001": 60, "00002": 24, "00003": 25}, texts, "kit")
    store = build(tmp_path / "store", KITSet(source))
    assert list(store.ids) == ["A_00001", "00001", "00002", "00003"]
    assert store.lengths.tolist() == [38, 60, 24, 25]  # 1 s to 4 s at 12.5 a second: frames 12 to 49
    assert (store.facts.skeleton.name, store.facts.fps, len(store.facts.mean)) == ("kit", 12.5, 251)
    published = np.load(source / "new_joint_vecs" / "00002.npy")
    np.testing.assert_allclose(store.clip(2)[:, 3:64], published[:, 3:64] / 640, rtol=1e-6)  # height, positions
    np.testing.assert_array_equal(store.clip(2)[:, 64:184], published[:, 64:184])  # rotations


CLIPS = {"train": ["gp_1#0#140", "gp_1#140#300", "m_gp_1#0#140"], "val": ["ep_2#5#133"], "test": ["ep_3#0#20"]}


def test_snapmogen_becomes_a_store_in_metres(tmp_path: Path) -> None:
    source = write_snapmogen(tmp_path / "s", CLIPS)
    store = build(tmp_path / "store", SnapMoGenSet(source), statistics="published")
    assert list(store.ids) == [clip for split in CLIPS.values() for clip in split]
    assert store.lengths.tolist() == [140, 160, 140, 128, 20]
    assert store.quarantine == []
    told = snapmogen_captions("gp_1#140#300")
    assert store.captions(1) == told["manual"] + told["gpt"]
    assert store.attributes(1) == {"writers": ["human"] * 2 + ["llm"] * 4}
    published = np.load(source / "renamed_feats" / "gp_1.npy")[140:]
    lengths = [1, 2, 3, *range(148, 292)]  # steps and height; positions and velocities
    others = [0, *range(4, 148), *range(292, 296)]  # turn; rotations; contacts
    np.testing.assert_allclose(store.clip(1)[:, lengths], published[:, lengths] / 100, rtol=1e-6)
    np.testing.assert_array_equal(store.clip(1)[:, others], published[:, others].astype(np.float32))
    facts = store.facts
    assert (facts.layout, facts.fps, facts.licence) == (
        "snapmogen",
        30.0,
        "Snap Inc. Non-Commercial License, research only",
    )
    assert facts.mean[lengths].unique().tolist() == [0.5]
    assert facts.std[others].unique().tolist() == [200.0]


def test_damaged_snapmogen_is_named(tmp_path: Path) -> None:
    clips = {
        "train": ["gp_1#0#140", "gp_1#200#400", "gp_2#0#20", "gp_3#0#20", "gp_4#9#9", "odd", "gp_5#0#10"],
        "val": ["gp_6#0#10", "gp_7#0#10"],
        "test": ["gp_8#0#10"],
    }
    source = write_snapmogen(tmp_path / "s", clips)
    captions = {clip: snapmogen_captions(clip) for clip in ("gp_1#0#140", "gp_1#200#400", "gp_2#0#20", "gp_8#0#10")}
    captions["gp_5#0#10"] = {"manual": "one string"}  # type: ignore[dict-item]
    captions["gp_6#0#10"] = {"manual": [""], "gpt": []}
    captions["gp_7#0#10"] = {"manual": ["", "fine", "l\xe9ger"], "gpt": ["l\xe9ger"]}
    text = json.dumps(captions, ensure_ascii=False)
    (source / "all_caption_clean.json").write_bytes(text.encode("latin-1"))
    (source / "renamed_feats" / "gp_2.npy").unlink()
    (source / "data_split_info" / "test_ids.txt").write_bytes(b"\xff\xfe")
    store = build(tmp_path / "store", SnapMoGenSet(source))
    assert list(store.ids) == ["gp_1#0#140", "gp_7#0#10"]
    assert reasons(store) == [
        ("data_split_info/test_ids.txt", "unreadable list"),
        ("gp_1#200#400", "range outside"),
        ("gp_2#0#20", "no file"),
        ("gp_3#0#20", "no text"),
        ("gp_4#9#9", "range outside"),
        ("odd", "malformed name"),
        ("gp_5#0#10", "malformed caption"),
        ("gp_6#0#10", "empty caption"),
        ("gp_6#0#10", "no caption"),
        ("gp_7#0#10", "text not UTF-8"),
        ("gp_7#0#10", "empty caption"),
        ("gp_7#0#10", "text not UTF-8"),
    ]
    assert store.captions(1) == ["fine"]
    (source / "all_caption_clean.json").write_bytes(text.encode("utf-16"))
    with pytest.raises(UserError, match=r"all_caption_clean\.json: not JSON in UTF-8"):
        build(tmp_path / "store", SnapMoGenSet(source))


def test_a_folder_that_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        HumanML3DSet(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"no train\.txt; give the folder that holds new_joint_vecs, texts"):
        HumanML3DSet(tmp_path)
    (tmp_path / "train.txt").write_text("000000\n")
    with pytest.raises(UserError, match=r"new_joint_vecs: no such folder or archive"):
        KITSet(tmp_path)


def test_a_failed_build_leaves_the_old_store(tmp_path: Path) -> None:
    source = write_humanml3d(tmp_path / "h", {"000000": 41, "000001": 53, "000002": 44})
    store = build(tmp_path / "store", HumanML3DSet(source))
    (source / "train.txt").write_text("000009\n")
    with pytest.raises(UserError, match="'train'; there are val, test; the first of 1 faults: 000009: no file"):
        build(tmp_path / "store", HumanML3DSet(source))
    assert MotionStore.open(tmp_path / "store").facts.digest == store.facts.digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h", "store"]


def test_data_modules_build_once_and_follow_the_source(tmp_path: Path) -> None:
    source = write_humanml3d(tmp_path / "h", {f"{i:06d}": 44 for i in range(4)})
    module = HumanML3D(str(source), root=str(tmp_path / "data"))
    assert (module.loading.min_frames, module.loading.max_frames) == (40, 196)
    assert len(module.store) == 4
    assert HumanML3D(str(source), root=str(tmp_path / "data"), loading=Loading(batch_size=2)).path == module.path
    assert HumanML3D(str(source), statistics="published", root=str(tmp_path / "data")).path != module.path
    (source / "texts" / "000001.txt").write_text(f"{RUN}\n")
    assert HumanML3D(str(source), root=str(tmp_path / "data")).path != module.path
    kit = KIT(str(write_humanml3d(tmp_path / "k", {f"{i:05d}": 24 for i in range(3)}, name="kit")))
    assert (kit.loading.min_frames, kit.loading.max_frames) == (24, 196)
    snap = SnapMoGen(str(write_snapmogen(tmp_path / "s", CLIPS)), root=str(tmp_path / "data"))
    assert (snap.loading.min_frames, snap.loading.max_frames) == (128, 320)
    (batch,) = snap.train_dataloader()
    assert batch.features.shape == (3, 160, 296)


@needs_data("humanml3d_sample")
def test_the_published_sample_stands_upright(tmp_path: Path) -> None:
    source = write_humanml3d(tmp_path / "h", {"000000": 41, "000001": 53, "012314": 44})
    sample = SHARED / "humanml3d_sample"
    shutil.copy(sample / "new_joint_vecs" / "012314.npy", source / "new_joint_vecs")
    store = build(tmp_path / "store", HumanML3DSet(source))
    features = torch.from_numpy(store.clip(store.index("012314")).copy())
    layout, skeleton = get_layout(store.facts.layout), get_skeleton("humanml3d")
    joints = layout.to_motion(features, skeleton, 20.0).positions
    expected = torch.from_numpy(np.load(sample / "new_joints" / "012314.npy"))[: len(joints)]
    torch.testing.assert_close(joints, expected.float(), atol=1e-3, rtol=0)

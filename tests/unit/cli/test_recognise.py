"""recognise on a tiny model and store: what is generated, how it is reported, and one line for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.models import FPS, MAX_FRAMES, make_model
from helpers.motions import make_motion
from scalemogen.cli.main import main
from scalemogen.data_modules import Origin, StoreWriter
from scalemogen.motion import get_layout
from scalemogen.skeletons import get_skeleton

ACTIONS = ("turn", "jump", "bow")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of three actions; each test clip is the beginning of the action's first training clip; bow has none."""
    clips = [(action, number, "train") for action in ACTIONS for number in range(2)]
    clips += [(action, 0, "test") for action in ACTIONS[:2]]
    return write_store(tmp_path_factory.mktemp("stores") / "store", clips)


def write_store(path: Path, clips: list[tuple[str, int, str]], fps: float = FPS) -> Path:
    layout, skeleton = get_layout("humanml3d"), get_skeleton("humanml3d")
    with StoreWriter(
        path, skeleton=skeleton, layout=layout.name, fps=fps, origin=Origin("test", "none", "none"), provenance={}
    ) as writer:
        for action, number, split in clips:
            frames = 2 * MAX_FRAMES + 5 if (action, number) == ("jump", 1) else 25 - (split == "test")
            seed = 10 * ACTIONS.index(action) + number
            features = layout.from_motion(make_motion(frames=frames, seed=seed)).numpy()
            captions = [f"a person {action}s", f"someone {action}s", f"a person {action}s"]
            name = f"{action}-{number}-{split}"
            assert writer.add(name, features, captions, split, {"content": action, "number": number})
    return path


def command(model: Path, store: Path, *more: str) -> list[str]:
    return ["recognise", "--model", str(model), "--data", str(store), *more]


def test_report_and_files(model: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = command(model, store, "--per-action", "5", "--out", str(tmp_path / "report"))
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert (tmp_path / "report" / "table.md").read_text(encoding="utf-8") == printed
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == ["sheet-1.png", "table.json", "table.md"]
    assert "No clip of the test split shows bow: captions of other splits." in printed
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((tmp_path / "report" / "table.json").read_text(encoding="utf-8"))
    assert len(report["model_digest"]) == 16
    assert set(report["data_digests"]) == {"train", "test"}
    assert report["trained_on_this_data"] is False
    assert [(row["action"], row["split"], row["generated"]) for row in report["actions"]] == [
        ("bow", "train", 2),  # two different captions
        ("jump", "test", 2),
        ("turn", "test", 2),
    ]
    assert {motion["caption"] for motion in report["motions"] if motion["action"] == "bow"} == {
        "a person bows",
        "someone bows",
    }
    assert all(motion["frames"] == 23 + (motion["action"] == "bow") for motion in report["motions"])


def test_real_clips_are_named_by_their_kin(model: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(model, store, "--json")) == 0
    rows = {row["action"]: row for row in json.loads(capsys.readouterr().out)["actions"]}
    for action in ("jump", "turn"):  # nearly the same clip is among the training clips
        assert (rows[action]["real"], rows[action]["real_recognised"]) == (1, 1)
        assert rows[action]["real_distance"] < 0.5
    assert rows["bow"]["real"] == 2
    assert rows["bow"]["real_distance"] > 0.5  # a training clip is not compared with itself


def test_a_seed_gives_one_report(model: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reports = []
    for seed in ("3", "3", "4"):
        assert main(command(model, store, "--per-action", "1", "--json", "--seed", seed)) == 0
        reports.append(json.loads(capsys.readouterr().out)["motions"])
    assert reports[0] == reports[1]
    assert reports[0] != reports[2]


def test_repeats_are_the_seeds_one_by_one(model: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    single = []
    for seed in ("3", "4"):
        assert main(command(model, store, "--json", "--seed", seed)) == 0
        single.append(json.loads(capsys.readouterr().out))
    assert main(command(model, store, "--json", "--seed", "3", "--repeats", "2")) == 0
    both = json.loads(capsys.readouterr().out)
    names = ("recognised_actions", "recognised_actions_of_split", "recognised", "generated")
    expected = [{"seed": 3 + at} | {name: one[name] for name in names} for at, one in enumerate(single)]
    assert both["repeats"] == expected
    assert [(row["action"], row["generated"]) for row in both["actions"]] == [("bow", 4), ("jump", 4), ("turn", 4)]
    assert both["recognised"] == sum(one["recognised"] for one in single)
    assert main(command(model, store, "--seed", "3", "--repeats", "2")) == 0
    printed = capsys.readouterr().out
    assert "Over 2 seeds " in printed
    assert "of the 2 actions that the test split shows are recognised" in printed


def test_an_action_with_one_training_clip_has_no_real_share(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_store(tmp_path / "store", [("turn", 0, "train"), ("jump", 1, "train")])
    assert main(command(model, path, "--split", "train", "--per-action", "1", "--json")) == 0
    report = json.loads(capsys.readouterr().out)
    assert [(row["real"], row["real_distance"]) for row in report["actions"]] == [(0, None), (0, None)]
    assert report["motions"][0]["frames"] == MAX_FRAMES  # jump: longer than the model's longest


def test_bad_input_is_one_line(model: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*arguments: str | Path) -> str:
        assert main([str(argument) for argument in arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("scalemogen: error: ")
        assert captured.err.count("\n") == 1
        return captured.err

    good = command(model, store)
    assert "no split 'dev'; it has train, test" in refused(*good, "--split", "dev")
    assert "no attribute 'action' to name it by; it has content, number" in refused(*good, "--label", "action")
    assert "--per-action 0" in refused(*good, "--per-action", "0")
    assert "--repeats 0" in refused(*good, "--repeats", "0")
    assert "99 neighbours" in refused(*good, "--neighbours", "99")
    assert "no motion store at" in refused(*command(model, tmp_path / "none"))
    assert "no such model folder" in refused(*command(tmp_path / "none", store))
    assert "temperature" in refused(*good, "--temperature", "0")
    (tmp_path / "file").write_text("")
    assert "is a file; name a folder" in refused(*good, "--out", tmp_path / "file")
    other = write_store(tmp_path / "slow", [("turn", 0, "train")], fps=10.0)
    assert "at 10 frames per second; the model takes humanml3d" in refused(*command(model, other))
    alone = make_model(tmp_path / "tokenizer", stage="tokenizer")
    assert "tokenizer alone" in refused(*command(alone, store))

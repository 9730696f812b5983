"""Joint maps from files: what is unsound is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from scalemogen.errors import UserError
from scalemogen.skeletons.maps import MAPS, get_joint_map

LEGS = {
    "pelvis": "body",
    **{f"{side}_{joint}": f"{joint}.{side}" for side in ("left", "right") for joint in ("hip", "knee", "ankle")},
}


def write(path: Path, **fields: object) -> Path:
    content = {"name": "mine", "skeleton": "humanml3d", "joints": LEGS, **fields}
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_file_is_a_map(tmp_path: Path) -> None:
    joint_map = get_joint_map(write(tmp_path / "map.yaml"))
    assert joint_map.joints == LEGS
    assert joint_map.target.name == "humanml3d"
    rest = {joint: ["up", [0, 0, 2]] for joint in LEGS.values()}
    other = get_joint_map(write(tmp_path / "rest.yaml", rest=rest))
    assert other.rest["body"] == ((0.0, 1.0, 0.0), (0.0, 0.0, 2.0))
    assert other.digest != joint_map.digest == get_joint_map(tmp_path / "map.yaml").digest
    assert len({get_joint_map(name).digest for name in MAPS}) == len(MAPS)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"joints": {**LEGS, "tail": "Tail"}}, "map mine: skeleton humanml3d has no joint tail"),
        ({"joints": {"pelvis": "body"}}, "no foreign joint for left_hip, left_knee, left_ankle, right_hip"),
        ({"rest": {"body": ["up", "left"]}}, "rest lacks the joint ankle.left"),
        ({"rest": {joint: ["up", "down"] for joint in LEGS.values()}}, "rest of .*: axes .* are not at right angles"),
        ({"rest": {"body": ["up", "sideways"]}}, "rest.body"),
        ({"skeleton": "nobody"}, "no skeleton 'nobody'"),
        ({"bones": {}}, "bones: Extra inputs"),
    ],
)
def test_unsound_maps_are_refused(tmp_path: Path, fields: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        get_joint_map(write(tmp_path / "map.yaml", **fields))


def test_unknown_maps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no joint map 'nobody'; give one of bandai_namco, cmu, mixamo or a"):
        get_joint_map("nobody")
    with pytest.raises(UserError, match=r"cannot read joint map .*nowhere\.yaml"):
        get_joint_map(tmp_path / "nowhere.yaml")

"""Video, GIF, contact sheet and page: complete, at the right speed, and with left on the left."""

from __future__ import annotations

import base64
import html
import json
import re
import time
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from PIL import Image

from helpers.motions import make_motion, standing
from scalemogen.errors import UserError
from scalemogen.export import contact_sheet, film, gallery
from scalemogen.export.camera import fit_camera, root_targets, steady_targets
from scalemogen.export.drawing import draw_frame, drawable, wrap_text
from scalemogen.export.figure import COLOURS, LEFT, MIDDLE, RIGHT, figure_of, sides_of
from scalemogen.motion import Motion
from scalemogen.skeletons import get_skeleton

SIZE = (200, 240)


@pytest.mark.parametrize("name", ["humanml3d", "kit", "snapmogen", "bandai_namco"])
def test_sides_are_those_of_the_names(name: str) -> None:
    skeleton = get_skeleton(name)
    sides = sides_of(skeleton)
    for joint, partner, side in zip(skeleton.joints, skeleton.mirror, sides, strict=True):
        if skeleton.joints[partner] == joint:
            assert side == MIDDLE
        else:
            assert side == (LEFT if re.search("left|^l_|_l$", joint.lower()) else RIGHT)


@pytest.mark.parametrize("heading", [0.0, 2.0, -3.0])
def test_a_body_seen_from_the_front_has_its_left_on_the_right(heading: float) -> None:
    figure = figure_of(standing("humanml3d", heading))
    assert np.isclose(np.cos(figure.heading - heading), 1.0)
    picture = np.asarray(draw_frame(figure, fit_camera(figure, steady_targets(figure), SIZE), 0, SIZE), dtype=int)
    columns = {}
    for side in (LEFT, RIGHT):
        found = np.abs(picture - COLOURS[side]).sum(-1) < 30
        assert found.sum() > 100
        columns[side] = np.nonzero(found)[1].mean()
    assert columns[LEFT] > columns[RIGHT] + 10
    head = np.nonzero(np.abs(picture - COLOURS[MIDDLE]).sum(-1) < 30)[0]
    assert head.min() < SIZE[1] * 0.25  # upright


@pytest.mark.parametrize("targets", [steady_targets, root_targets])
@pytest.mark.parametrize("travel", [0.0, 30.0])
def test_every_joint_of_every_frame_is_in_the_picture(targets: object, travel: float) -> None:
    motion = make_motion(frames=101)
    path = torch.linspace(0, travel, 101)[:, None, None] * torch.tensor([0.6, 0.0, 0.8])
    figure = figure_of(replace(motion, positions=motion.positions + path))
    camera = fit_camera(figure, targets(figure), SIZE)  # type: ignore[operator]
    for frame in range(figure.frames):
        pixels = camera.project(figure.positions[frame], frame)[:, :2]
        assert (pixels >= 0).all()
        assert (pixels <= SIZE).all()
    height = np.ptp(camera.project(figure.positions[0], 0)[:, 1])
    assert height > 0.3 * SIZE[1]


def test_the_floor_is_zero_unless_the_motion_is_far_from_it() -> None:
    motion = standing("humanml3d")
    assert figure_of(motion).floor == 0.0
    lifted = figure_of(replace(motion, positions=motion.positions + torch.tensor([0.0, 5.0, 0.0])))
    assert lifted.floor == pytest.approx(float(lifted.positions[..., 1].min()))


def test_video_has_every_frame(motion: Motion, tmp_path: Path) -> None:
    motion.save(tmp_path / "a.mp4")
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "a.mp4"))
    assert frames == motion.frames
    assert seconds == pytest.approx(motion.seconds, abs=0.01)
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "a.mp4"))
    assert next(reader)["size"] == (480, 480)
    reader.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_film_shows_motions_side_by_side_until_the_last_one_ends(tmp_path: Path) -> None:
    film([make_motion(frames=5), make_motion(frames=11)], ["original", "reconstruction"], tmp_path / "a.mp4")
    assert imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "a.mp4"))[0] == 11
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "a.mp4"))
    assert next(reader)["size"] == (968, 480)
    reader.close()
    with pytest.raises(ValueError, match="2 motions and 1 titles"):
        film([make_motion(), make_motion()], [""], tmp_path / "b.mp4")


@pytest.mark.parametrize(("fps", "milliseconds"), [(20.0, 50), (30.0, 40), (120.0, 20), (8.0, 130)])
def test_gif_keeps_the_speed(fps: float, milliseconds: int, tmp_path: Path) -> None:
    motion = make_motion(fps=fps, frames=31)
    motion.save(tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as image:
        total = 0
        for frame in range(image.n_frames):
            image.seek(frame)
            total += image.info["duration"]
        assert image.info["duration"] == milliseconds
        assert image.info["loop"] == 0
    assert total == pytest.approx(1000 * motion.seconds, abs=milliseconds)


def test_contact_sheet_has_a_row_for_each_motion(tmp_path: Path) -> None:
    motions = [make_motion(seed=seed, frames=frames) for seed, frames in enumerate([1, 7, 23])]
    contact_sheet(motions, ["one", "two " * 100, ""], tmp_path / "a.png", frames=5)
    with Image.open(tmp_path / "a.png") as image:
        assert image.width == 5 * 150
        assert image.height > 3 * 170
    with pytest.raises(ValueError, match="3 motions, 1 titles"):
        contact_sheet(motions, ["one"], tmp_path / "b.png")
    with pytest.raises(UserError, match="cannot write"):
        contact_sheet(motions, ["", "", ""], "/proc/nowhere/b.png")


def test_a_body_of_any_size_is_drawn_in_seconds() -> None:
    motion = make_motion(frames=3)
    figure = figure_of(replace(motion, positions=6e4 * motion.positions))
    started = time.perf_counter()
    draw_frame(figure, fit_camera(figure, steady_targets(figure), SIZE), 0, SIZE)
    assert time.perf_counter() - started < 5


def test_characters_without_a_glyph_are_question_marks() -> None:
    assert drawable("a person, 3 …") == "a person, 3 …"
    assert drawable("歩く a \U0001f600") == "?? a ?"


def test_text_is_wrapped_and_cut() -> None:
    assert wrap_text("a person walks", 12, 1000, 2) == ["a person walks"]
    lines = wrap_text("a person walks " * 20, 12, 200, 2)
    assert len(lines) == 2
    assert lines[1].endswith("…")
    assert wrap_text("", 12, 100, 2) == []


def test_page_is_self_contained_and_holds_the_motions(motion: Motion, tmp_path: Path) -> None:
    hostile = "a person </script><img src=x> {script} & <b>waves</b>"
    gallery([motion, motion], [hostile, "two"], tmp_path / "a.html", titles=["{motions}", ""], title="<One> {style}")
    page = (tmp_path / "a.html").read_text()
    assert not re.search(r"(src|href)\s*=|https?://|@import|url\(", page.replace(r"\u003cimg src=x>", ""))
    assert page.count("</script>") == 2
    assert "<title>&lt;One&gt; {style}</title>" in page
    found = re.search(r'<script type="application/json" id="motions">(.*?)</script>', page, re.DOTALL)
    assert found
    first, second = json.loads(found[1])
    assert (first["caption"], first["title"], second["caption"]) == (hostile, "{motions}", "two")
    points = np.frombuffer(base64.b64decode(first["points"]), "<f4").reshape(first["frames"], -1, 3)
    np.testing.assert_allclose(points[:, : first["joints"]], motion.positions.numpy(), atol=1e-6)
    assert points.shape[1] == first["joints"] + first["heads"] + 3
    with pytest.raises(ValueError, match="0 motions"):
        gallery([], [], tmp_path / "b.html")


@pytest.mark.parametrize("suffix", [".bvh", ".glb", ".npz", ".csv", ".mp4", ".gif", ".html", ".png"])
def test_what_cannot_be_written_leaves_nothing(suffix: str, motion: Motion, tmp_path: Path) -> None:
    (tmp_path / f"a{suffix}").mkdir()
    with pytest.raises(UserError, match="cannot write"):
        motion.save(tmp_path / f"a{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


def test_a_notebook_is_given_the_player_in_a_frame(motion: Motion) -> None:
    page = motion._repr_html_()
    source = re.fullmatch(r'<iframe srcdoc="([^"]*)"[^>]*></iframe>', page)
    assert source
    assert html.unescape(source[1]).lstrip().lower().startswith("<!doctype html>")

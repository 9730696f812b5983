"""In-betweens, bridges, longer motions, sentences in a row, variations: what is known stays, and joins hold."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.models import FPS, MAX_FRAMES, make_model
from helpers.motions import make_motion
from scalemogen.editing.filling import Piece, interpolate, known_cells, split_piece
from scalemogen.errors import UserError
from scalemogen.motion import Motion
from scalemogen.pipeline import TextToMotion

TEXT = "a person waves"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TextToMotion:
    return TextToMotion.from_pretrained(make_model(tmp_path_factory.mktemp("models") / "model"))


def moved(one: Motion, other: Motion) -> Tensor:
    """(T,) metres, the joint that moved most."""
    return torch.linalg.vector_norm(one.positions - other.positions, dim=-1).amax(1)


def steps(motion: Motion) -> Tensor:
    """(T-1,) metres, the root's step."""
    return motion.root.diff(dim=0).norm(dim=-1)


def test_unknown_frames_lie_between_known_ones() -> None:
    features = torch.tensor([[9.0], [2.0], [7.0], [7.0], [7.0], [6.0], [8.0], [9.0]])
    known = torch.tensor([False, True, False, False, False, True, True, False])
    assert interpolate(features, known)[:, 0].tolist() == [2, 2, 3, 4, 5, 6, 8, 8]


def test_a_cell_is_known_by_half_of_its_frames() -> None:
    known = torch.tensor([1, 1, 0, 0, 0, 0, 0, 1, 1, 1], dtype=torch.bool)
    assert known_cells(known, 4).tolist() == [True] * 4 + [False] * 4 + [True] * 2
    assert known_cells(~known, 4).tolist() == [True] * 4 + [True] * 4 + [False] * 2


def test_long_pieces_are_cut_evenly() -> None:
    assert split_piece(Piece(0, 10, "a"), 10) == [Piece(0, 10, "a")]
    assert split_piece(Piece(10, 33, "b"), 10) == [Piece(10, 18, "b"), Piece(18, 25, "b"), Piece(25, 33, "b")]


@pytest.mark.parametrize("keep", [[(0, 9), (20, 29)], [(0, 9)], [(17, 29)], [(8, 21)], [(3, 7), (15, 20)]])
def test_kept_frames_stay_where_they_are(model: TextToMotion, keep: list[tuple[int, int]]) -> None:
    motion = make_motion(frames=29)
    made = model.inbetween(motion, TEXT, keep)
    distance = moved(made, motion)
    known = torch.zeros(29, dtype=torch.bool)
    for first, last in keep:
        known[first:last] = True
    assert made.frames == 29
    assert float(distance[known].max()) < 1e-3
    assert float(distance[~known].max()) > 0.02
    assert float(steps(made).max()) < 4 * float(steps(motion).max()) + 0.05, "no jump to the kept place"


def test_what_is_not_kept_does_not_count(model: TextToMotion) -> None:
    """Frames to be made can hold anything: the same motion in between, whatever stood there."""
    motion, other = make_motion(frames=29), make_motion(frames=29, seed=3)
    mixed = Motion(
        motion.skeleton,
        torch.cat((motion.positions[:8], other.positions[8:])),
        torch.cat((motion.rotations[:8], other.rotations[8:])),
        FPS,
    )
    one, two = (model.inbetween(given, TEXT, [(0, 7)]) for given in (motion, mixed))
    torch.testing.assert_close(one.positions, two.positions, atol=1e-3, rtol=0)


def test_a_gap_of_a_long_motion(model: TextToMotion) -> None:
    """Longer than the model's longest: the gap's surroundings are enough; a long gap is made in pieces."""
    long = make_motion(frames=130)
    for gap in ((50, 70), (30, 101)):
        made = model.inbetween(long, TEXT, [(0, gap[0]), (gap[1], 130)])
        distance = moved(made, long)
        assert float(distance[: gap[0]].max()) < 1e-3
        assert float(distance[gap[1] :].max()) < 5e-3
        assert float(distance[gap[0] : gap[1]].max()) > 0.02


def test_prolonging_keeps_what_is_there(model: TextToMotion) -> None:
    motion = make_motion(frames=29)
    longer = model.prolong(motion, TEXT, 4.0)
    assert longer.frames == 29 + 80 > MAX_FRAMES
    assert float(moved(longer.slice(0, 29), motion).max()) < 1e-3
    assert float(moved(longer.slice(28, 30), longer.slice(29, 31))[0]) < 0.3


def test_a_bridge_leads_from_one_motion_to_another(model: TextToMotion) -> None:
    """The second one goes where the new frames end, with nothing else changed."""
    first, second = make_motion(frames=17), make_motion(frames=13, seed=2)
    made = model.bridge(first, second, TEXT, 0.5)
    assert made.frames == 17 + 10 + 13
    assert float(moved(made.slice(0, 17), first).max()) < 1e-3
    end = made.slice(27, 40)
    torch.testing.assert_close(
        torch.cdist(end.positions, end.positions), torch.cdist(second.positions, second.positions), atol=2e-3, rtol=0
    )


def test_a_minute_of_sentences(model: TextToMotion) -> None:
    texts = ["a person walks", "a person waves", "a person jumps"] * 5
    made = model.stitch(texts, 4.0, seed=2, clean=False)
    assert made.frames == 15 * 80
    assert made.seconds == 60.0
    assert float(steps(made).max()) < 4 * float(steps(made).median()) + 0.2
    again = model.stitch(texts[:2], [4.0, 4.0], seed=2, clean=False)
    torch.testing.assert_close(again.positions[:150], made.positions[:150], atol=1e-4, rtol=0)


def test_the_first_sentence_is_the_generated_motion(model: TextToMotion) -> None:
    made = model.stitch([TEXT], 1.0, seed=5)
    torch.testing.assert_close(made.positions, model.generate(TEXT, 1.0, seed=5).positions, atol=1e-5, rtol=0)


def test_variations(model: TextToMotion) -> None:
    motion = make_motion(frames=24)
    same = model.vary(motion, TEXT, 2, keep_scales=3)
    torch.testing.assert_close(same[0].positions, same[1].positions, atol=1e-6, rtol=0)
    few, many = (model.vary(motion, TEXT, 3, keep_scales=kept, seed=4) for kept in (2, 0))
    assert len(few) == 3
    assert float(moved(few[0], few[1]).max()) > 0.01
    spread = [float(moved(made[0], same[0]).mean()) for made in (few, many)]
    assert spread[0] < spread[1], "what keeps more scales stays nearer"
    (alone,) = model.vary(motion, TEXT, 1, keep_scales=2, seed=6)
    torch.testing.assert_close(alone.positions, few[2].positions, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        ("inbetween", (TEXT, []), "no frames are kept"),
        ("inbetween", (TEXT, [(0, 29)]), "all frames are kept"),
        ("inbetween", (TEXT, [(0, 3)]), r"frames 0:3 are less than 0.20 seconds"),
        ("inbetween", (TEXT, [(20, 40)]), "frames 20:40 are not in the motion"),
        ("inbetween", ("", [(0, 9)]), "the sentence is empty"),
        ("prolong", (TEXT, 0.0), "0 seconds: what is made for a sentence lasts 0.20 to 600.00 seconds"),
        ("prolong", (TEXT, float("nan")), "nan seconds"),
        ("bridge", (make_motion("kit"), TEXT, 1.0), "skeleton kit of 21 joints"),
        ("bridge", (make_motion(), TEXT, 1e9), "seconds"),
        ("vary", (TEXT, 0), "0 variations"),
        ("vary", (" ",), "the sentence is empty"),
    ],
)
def test_bad_requests_are_refused(model: TextToMotion, method: str, arguments: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        getattr(model, method)(make_motion(frames=29), *arguments)


def test_more_bad_requests(model: TextToMotion) -> None:
    with pytest.raises(UserError, match="no sentence given"):
        model.stitch([], 2.0)
    with pytest.raises(UserError, match="sentence 2 of 2 is empty"):
        model.stitch([TEXT, ""], 2.0)
    with pytest.raises(UserError, match="2 lengths for 1 sentence;"):
        model.stitch([TEXT], [2.0, 3.0])
    with pytest.raises(UserError, match="keep_scales is 9; this model has 3 scales"):
        model.vary(make_motion(), TEXT, keep_scales=9)
    with pytest.raises(UserError, match=r"a motion of 2.00 seconds; this model varies motions of at most 1.60"):
        model.vary(make_motion(frames=40), TEXT)
    with pytest.raises(UserError, match="seed -1"):
        model.prolong(make_motion(), TEXT, 1.0, seed=-1)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalemogen.contracts import Scale
from scalemogen.errors import UserError
from scalemogen.scales import check_scales, scales_from_count, scales_from_lists, time_divisors
from scalemogen.skeletons import get_skeleton

CHAIN = get_skeleton("humanml3d").chain("inner-to-outer")


def test_the_papers_list() -> None:
    pairing = [(0, 0), (1, 0), (1, 1), (2, 1), (3, 1), (3, 2), (4, 2), (5, 2), (5, 3), (6, 3), (6, 4)]
    scales = scales_from_lists([49, 24, 16, 7, 4, 2, 1], CHAIN, pairing)
    sizes = [(49 // scale.divisor, len(scale.groups)) for scale in scales]
    assert sizes == [(1, 1), (2, 1), (2, 2), (3, 2), (7, 2), (7, 3), (12, 3), (24, 3), (24, 5), (49, 5), (49, 7)]
    assert sum(cells * groups for cells, groups in sizes) == 864


@given(st.integers(1, 60), st.integers(1, 20))
def test_any_count_gives_that_many_growing_scales(cells: int, count: int) -> None:
    attainable = len({cells // divisor for divisor in range(1, cells + 1)})
    needed = count - min(len(CHAIN), (count + 1) // 2) + 1
    if needed > attainable:
        with pytest.raises(UserError, match="time resolutions"):
            scales_from_count(count, cells, CHAIN)
        return
    scales = scales_from_count(count, cells, CHAIN)
    assert len(scales) == count
    check_scales(scales, cells, 7)
    sizes = [(cells // scale.divisor) * len(scale.groups) for scale in scales]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == cells * 7


def test_divisors_are_even_in_log_scale() -> None:
    assert [49 // divisor for divisor in time_divisors(49, 7)] == [1, 2, 4, 7, 12, 24, 49]
    assert time_divisors(49, 1) == (1,)


@pytest.mark.parametrize(
    ("scales", "message"),
    [
        ([], "empty"),
        ([Scale(2, CHAIN[-1])], "must end at the full grid"),
        ([Scale(1, CHAIN[0]), Scale(2, CHAIN[1]), Scale(1, CHAIN[-1])], "coarser than"),
        ([Scale(50, CHAIN[0]), Scale(1, CHAIN[-1])], "outside 1..49"),
        ([Scale(2, ((0, 1), (2, 3, 4, 5))), Scale(1, CHAIN[-1])], "6"),
        ([Scale(2, CHAIN[0]), Scale(1, CHAIN[1])], "root|part|group"),
    ],
)
def test_broken_lists_are_refused(scales: list[Scale], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_scales(scales, 49, 7)

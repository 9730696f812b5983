"""Which scales a pyramid has: given explicitly, or made from a scale count so that a sweep can vary it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scalemogen.contracts import Scale
from scalemogen.errors import UserError
from scalemogen.skeletons import Partition, check_chain


def check_scales(scales: Sequence[Scale], cells: int, parts: int) -> None:
    """Refuse a scale list that does not refine, or that does not end at the full grid.

    Raises:
        UserError: naming the scale (counted from 0) or the group that breaks the rule.
    """
    if not scales:
        raise UserError("the scale list is empty; at least the full grid is needed")
    for index, scale in enumerate(scales):
        if not 1 <= scale.divisor <= cells:
            raise UserError(f"scale {index}: time divisor {scale.divisor} is outside 1..{cells}")
        if index and scale.divisor > scales[index - 1].divisor:
            raise UserError(
                f"scale {index}: time divisor {scale.divisor} is coarser than {scales[index - 1].divisor} before it"
            )
    if scales[-1].divisor != 1:
        raise UserError(f"the last scale has time divisor {scales[-1].divisor}; the list must end at the full grid, 1")
    check_chain([scale.groups for scale in scales], parts)


def time_divisors(cells: int, count: int) -> tuple[int, ...]:
    """Return `count` time divisors whose numbers of cells grow from 1 to `cells` as evenly as they can in log scale.

    Raises:
        UserError: the axis has fewer than `count` different resolutions.
    """
    attainable = sorted({cells // divisor: divisor for divisor in range(1, cells + 1)}.items())
    if not 1 <= count <= len(attainable):
        raise UserError(f"{count} time resolutions asked for; {cells} cells allow 1 to {len(attainable)}")
    if count == 1:
        return (1,)
    chosen: list[int] = []
    for index in range(count):
        target = index / (count - 1) * math.log(cells)
        allowed = range(chosen[-1] + 1 if chosen else 0, len(attainable) - (count - 1 - index))
        chosen.append(min(allowed, key=lambda entry: abs(math.log(attainable[entry][0]) - target)))
    return tuple(attainable[entry][1] for entry in chosen)


def scales_from_lists(
    divisors: Sequence[int], chain: Sequence[Partition], pairing: Sequence[tuple[int, int]] | None = None
) -> tuple[Scale, ...]:
    """Combine time divisors and a chain of partitions into a scale list.

    Args:
        divisors: time divisors, coarse to fine.
        chain: partitions of the parts, coarse to fine.
        pairing: (index of a divisor, index of a partition) per scale; without it, time and body are refined in turn,
            as evenly as possible (`staircase`).

    Raises:
        UserError: an index outside its list.
    """
    pairs = staircase(len(divisors), len(chain)) if pairing is None else pairing
    for time, body in pairs:
        if not 0 <= time < len(divisors) or not 0 <= body < len(chain):
            raise UserError(
                f"pairing ({time}, {body}) is outside {len(divisors)} time divisors and {len(chain)} partitions"
            )
    return tuple(Scale(divisors[time], tuple(chain[body])) for time, body in pairs)


def staircase(times: int, bodies: int) -> list[tuple[int, int]]:
    """Walk from (0, 0) to (times - 1, bodies - 1), one axis a step, time first, both advancing evenly."""
    pairs = [(0, 0)]
    while pairs[-1] != (times - 1, bodies - 1):
        time, body = pairs[-1]
        time_share = (time + 1) / times
        body_share = (body + 1) / bodies
        if body == bodies - 1 or (time < times - 1 and time_share <= body_share):
            pairs.append((time + 1, body))
        else:
            pairs.append((time, body + 1))
    return pairs


def scales_from_count(count: int, cells: int, chain: Sequence[Partition]) -> tuple[Scale, ...]:
    """Make a list of `count` scales: time grows geometrically, body groups follow the chain, refined in turn.

    With few scales the chain is thinned (its last partition, the singletons, always stays); one scale is the full grid.

    Raises:
        UserError: a count below 1 or above what the grid allows.
    """
    if count < 1:
        raise UserError(f"scale count {count} is below 1")
    bodies = min(len(chain), (count + 1) // 2)
    last = len(chain) - 1
    picked = [last] if bodies == 1 else [round(index * last / (bodies - 1)) for index in range(bodies)]
    return scales_from_lists(time_divisors(cells, count - bodies + 1), [chain[index] for index in picked])

"""The statements of the hierarchy definition, over shipped and derived skeletons, random chains and bit flips.

Group numbers, times and bits are drawn by hypothesis; latents come from a seeded generator.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scalemogen.contracts import Scale, TokenMaps, TokenSpec
from scalemogen.errors import UserError
from scalemogen.scales import Pyramid
from scalemogen.skeletons import SKELETONS, Partition, Skeleton, check_chain, derive_skeleton, get_skeleton

CELLS, BITS = 7, 5
Chain = tuple[Partition, ...]


@st.composite
def skeletons(draw: st.DrawFn) -> Skeleton:
    """A random tree; half of the time with a limb that its mirror image repeats on the other side."""
    parents, names = [-1], ["root"]
    for joint in range(1, draw(st.integers(1, 9))):
        parents.append(draw(st.integers(0, joint - 1)))
        names.append(f"joint{joint}")
    coordinate = st.integers(-3, 3).map(lambda value: value / 10)
    offsets = [(0.0, 0.0, 0.0), *(draw(st.tuples(coordinate, coordinate, coordinate)) for _ in parents[1:])]
    if draw(st.booleans()):
        hook = draw(st.integers(0, len(parents) - 1))
        length = draw(st.integers(1, 4))
        bones = [draw(st.tuples(coordinate, coordinate, coordinate)) for _ in range(length)]
        for side, sign in (("left", 1), ("right", -1)):
            parent = hook
            for bone, (x, y, z) in enumerate(bones):
                names.append(f"{side}{bone}")
                offsets.append((sign * x, y, z))
                parents.append(parent)
                parent = len(parents) - 1
    return derive_skeleton("random", names, parents, offsets)


@st.composite
def chains(draw: st.DrawFn, parts: int) -> Chain:
    """A random valid chain: parts share a group while they share all labels so far.

    The order of groups is free, but single parts come in their own order, as the full grid has them.
    """

    def arranged(groups: list[tuple[int, ...]]) -> Partition:
        return tuple(sorted(groups) if len(groups) == parts else draw(st.permutations(groups)))

    trails: list[tuple[int, ...]] = [() for _ in range(parts)]
    partitions = []
    for _ in range(draw(st.integers(0, 3))):
        trails = [(*trail, draw(st.integers(0, 2))) for trail in trails]
        groups = [tuple(part for part in range(parts) if trails[part] == trail) for trail in sorted(set(trails))]
        partitions.append(arranged(groups))
    return (*partitions, tuple((part,) for part in range(parts)))


def pyramid_of(chain: Sequence[Partition], parts: int, divisors: Sequence[int]) -> Pyramid:
    scales = tuple(Scale(divisor, partition) for divisor, partition in zip(divisors, chain, strict=True))
    return Pyramid(TokenSpec(BITS, scales, CELLS, parts, 4, "toy", "0", "humanml3d"))


@st.composite
def pyramids(draw: st.DrawFn, chain: Chain, parts: int) -> Pyramid:
    """A pyramid over a chain, time refining beside the body."""
    coarser = sorted((draw(st.integers(1, CELLS)) for _ in chain[:-1]), reverse=True)
    return pyramid_of(chain, parts, [*coarser, 1])


def latents(count: int, parts: int, seed: int) -> torch.Tensor:
    return torch.randn(count, CELLS, parts, BITS, generator=torch.Generator().manual_seed(seed))


@given(st.data(), st.integers(1, 11))
def test_valid_chains_are_accepted(data: st.DataObject, parts: int) -> None:
    check_chain(data.draw(chains(parts)), parts)


@given(st.data(), st.integers(2, 11))
def test_broken_chains_are_refused_and_the_group_is_named(data: st.DataObject, parts: int) -> None:
    chain = [[list(group) for group in partition] for partition in data.draw(chains(parts))]
    step = data.draw(st.integers(0, len(chain) - 1))
    group = data.draw(st.integers(0, len(chain[step]) - 1))
    part = data.draw(st.sampled_from(chain[step][group]))
    damage = data.draw(st.sampled_from(["dropped", "repeated", "not refining", "not single", "unknown"]))
    if damage == "dropped":
        chain[step] = [[p for p in g if p != part] for g in chain[step] if g != [part]]
        expected = f"step {step} has no group with {{{part}}}"
    elif damage == "repeated":
        siblings = [g for g in chain[step] if not step or any({part, *g} <= set(coarse) for coarse in chain[step - 1])]
        data.draw(st.sampled_from(siblings)).append(part)
        expected = f"of step {step} repeats part {{{part}}}"
    elif damage == "not refining":
        above = {p: number for number, coarse in enumerate(chain[step - 1]) for p in coarse}
        strangers = [g for g in chain[step] if above[g[0]] != above[part]]
        assume(step and strangers)
        chain[step] = [g for g in chain[step] if part not in g and g != strangers[0]] + [[part, *strangers[0]]]
        rest = [p for p in range(parts) if not any(p in g for g in chain[step])]
        chain[step] += [[p] for p in rest]
        group_text = ", ".join(str(p) for p in (part, *strangers[0]))
        expected = f"group {{{group_text}}} of step {step} is not inside one group of step {step - 1}"
    elif damage == "not single":
        chain = [[[0, 1], *([p] for p in range(2, parts))]]
        expected = "group {0, 1} of the last step must be split"
    else:
        chain[step][group].append(parts)
        expected = f"of step {step} has part {parts}; the parts are 0 to {parts - 1}"
    with pytest.raises(UserError, match=re.escape(expected)):
        check_chain(chain, parts)


def assert_projection(chain: Chain, parts: int, seed: int) -> None:
    pyramid = pyramid_of(chain, parts, [1] * len(chain))
    z = latents(2, parts, seed)
    for k, partition in enumerate(chain):
        once = pyramid.up(pyramid.down(z, k), k, CELLS)
        torch.testing.assert_close(pyramid.up(pyramid.down(once, k), k, CELLS), once)
        for group in partition:
            mean = z[:, :, list(group)].mean(2, keepdim=True)
            torch.testing.assert_close(once[:, :, list(group)], mean.expand(-1, -1, len(group), -1))


def assert_bits_stay_in_their_group(pyramid: Pyramid, seed: int, at: tuple[int, int, int, int]) -> None:
    """Flip one bit, at = (scale, group, time, bit) taken modulo their counts, in the context and in the maps."""
    parts = pyramid.spec.parts
    z = latents(1, parts, seed)
    lengths = torch.tensor([CELLS * 4])
    plain = pyramid.quantise(z, lengths)
    k = at[0] % pyramid.scales
    flips = [torch.zeros_like(bits) for bits in plain.maps.bits]
    times, groups, bits = flips[k].shape[1:]
    g, t, d = at[1] % groups, at[2] % times, at[3] % bits
    flips[k][0, t, g, d] = True
    inside = set(pyramid.spec.scales[k].groups[g])
    others = [part for part in range(parts) if part not in inside]

    changed = TokenMaps(tuple(b ^ flip for b, flip in zip(plain.maps.bits, flips, strict=True)), plain.maps.valid)
    before, after = pyramid.latent(plain.maps, lengths), pyramid.latent(changed, lengths)
    assert torch.equal(before[:, :, others], after[:, :, others])
    moved = (before != after).any(dim=(0, 1))
    assert moved[sorted(inside), d].all()
    assert not moved[:, [bit for bit in range(BITS) if bit != d]].any()

    corrected = pyramid.quantise(z, lengths, flips=flips)
    assert torch.equal(plain.sums[-1][:, :, others], corrected.sums[-1][:, :, others])
    for scale, mine, theirs in zip(pyramid.spec.scales, plain.maps.bits, corrected.maps.bits, strict=True):
        for number, group in enumerate(scale.groups):
            if not inside & set(group):
                assert torch.equal(mine[:, :, number], theirs[:, :, number])


positions = st.tuples(*[st.integers(0, 1000)] * 4)


@given(st.data(), st.integers(1, 8), st.integers(0, 1000))
def test_pooling_over_a_random_chain_is_a_projection(data: st.DataObject, parts: int, seed: int) -> None:
    assert_projection(data.draw(chains(parts)), parts, seed)


@given(st.data(), st.integers(1, 8), st.integers(0, 1000), positions)
def test_bits_stay_in_their_group_over_random_chains(
    data: st.DataObject, parts: int, seed: int, at: tuple[int, int, int, int]
) -> None:
    assert_bits_stay_in_their_group(data.draw(pyramids(data.draw(chains(parts)), parts)), seed, at)


@pytest.mark.parametrize("name", SKELETONS)
@settings(max_examples=30)
@given(st.data(), st.integers(0, 1000), positions)
def test_shipped_skeletons_keep_the_hierarchy(
    name: str, data: st.DataObject, seed: int, at: tuple[int, int, int, int]
) -> None:
    skeleton = get_skeleton(name)
    _, chain = data.draw(st.sampled_from(skeleton.part_chains))
    assert_projection(chain, len(skeleton.parts), seed)
    assert_bits_stay_in_their_group(data.draw(pyramids(chain, len(skeleton.parts))), seed, at)


@given(st.data(), skeletons(), st.integers(0, 1000), positions)
def test_derived_skeletons_keep_the_hierarchy(
    data: st.DataObject, skeleton: Skeleton, seed: int, at: tuple[int, int, int, int]
) -> None:
    assert [name for name, _ in skeleton.part_chains] == ["inner-to-outer", "lower-upper", "whole-body", "flat"]
    _, chain = data.draw(st.sampled_from(skeleton.part_chains))
    assert_projection(chain, len(skeleton.parts), seed)
    assert_bits_stay_in_their_group(data.draw(pyramids(chain, len(skeleton.parts))), seed, at)


@given(skeletons())
def test_derived_skeletons_are_whole(skeleton: Skeleton) -> None:
    """Every level covers the finer one, every bone lies inside a group, parts are disjoint, mirror is a symmetry."""
    assert len(skeleton.pools) == 2
    for parent, joint in enumerate(skeleton.parents[1:], start=1):
        assert any({parent, joint} <= set(group) for group in skeleton.pools[0])
    assert sorted(set(skeleton.part_of_joint())) == list(range(len(skeleton.parts)))
    for joint, partner in enumerate(skeleton.mirror):
        assert skeleton.mirror[partner] == joint
        assert joint == partner or skeleton.sides[joint] == -skeleton.sides[partner] != 0
    if "left0" in skeleton.joints:
        assert skeleton.mirror[skeleton.joints.index("left0")] == skeleton.joints.index("right0")
    for level, count in enumerate(skeleton.levels):
        matrix = torch.tensor(skeleton.adjacency(level))
        assert matrix.shape == (count, count)
        assert torch.equal(matrix, matrix.T)
        assert torch.linalg.matrix_power(matrix.double(), count).bool().all(), "every level is connected"
    assert Skeleton.from_dict(skeleton.to_dict()) == skeleton


@given(skeletons())
def test_derivation_is_deterministic(skeleton: Skeleton) -> None:
    """The same tree gives the same skeleton, and so the same digest."""
    again = derive_skeleton("random", skeleton.joints, skeleton.parents, skeleton.offsets)
    assert again.digest == skeleton.digest

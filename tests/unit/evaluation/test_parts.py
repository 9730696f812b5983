"""Scores of pairs, breakdowns, token counts and plots, each alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

from helpers.stores import write_store
from scalemogen.contracts import TokenMaps
from scalemogen.evaluation.breakdown import break_down, labels_of
from scalemogen.evaluation.columns import EMBEDDING
from scalemogen.evaluation.draws import Window, seed_of
from scalemogen.evaluation.neighbours import equal_windows
from scalemogen.evaluation.plots import Series, dots, histogram, lines
from scalemogen.evaluation.protocols import get_protocol
from scalemogen.evaluation.report_markdown import about_split, cautions, row_table
from scalemogen.evaluation.scores import Pairs, Scoring
from scalemogen.evaluation.tokens import TokenCount
from scalemogen.metrics.functional import diversity, r_precision


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def scoring(name: str, pool: int, repeat: int = 0) -> Scoring:
    return Scoring(get_protocol(name).with_pool(pool), "euclidean", 0, "test", repeat)


def test_perfect_pairs_are_always_found() -> None:
    texts, rules = random(11, 5), scoring("default", 3)
    pairs = rules.pairs(texts, texts, rules.pools([str(at) for at in range(11)]))
    assert int(pairs.hits[:, 0].isnan().sum()) == 2  # three pools of three
    scores = pairs.scores()
    assert (scores["r1"], scores["r3"]) == (1.0, 1.0)
    assert scores["mm_dist"] == pytest.approx(0.0, abs=1e-6)
    assert scores["matching_score"] == pytest.approx(1.0)


def test_hits_are_what_r_precision_averages() -> None:
    texts, motions, rules = random(23, 5), random(23, 5, seed=1), scoring("default", 7)
    pools = rules.pools([str(at) for at in range(23)])
    scores, expected = rules.pairs(texts, motions, pools).scores(), r_precision(texts, motions, pools)
    assert [scores[f"r{k}"] for k in (1, 2, 3)] == pytest.approx(list(expected.precision))


def test_numbers_that_mislead_are_named() -> None:
    def split(clips: int, made: float) -> dict[str, Any]:
        rows: dict[str, dict[str, Any]] = {"real": {}, "generated": {}}
        for name in ("r1", "r2", "r3", "matching_score"):
            rows["real"][name] = {"mean": 0.5, "interval": 0.03}
            rows["generated"][name] = {"mean": made if name == "r3" else 0.4, "interval": 0.04}
        return {"clips": clips, "embedding_width": 128, "rows": rows}

    assert cautions(split(129, 0.54)) == []  # within 0.05 = sqrt(0.03² + 0.04²)
    (above,) = cautions(split(129, 0.56))
    assert above.startswith("R@3 of generated motions above that of real ones does not mean better")
    (few,) = cautions(split(128, 0.5))
    assert "128 clips in 128 dimensions" in few
    alone = split(1000, 0.5)
    del alone["rows"]["generated"]
    assert cautions(alone) == []


def test_real_motions_in_halves_say_so() -> None:
    def split(real_against: str) -> dict[str, Any]:
        figures = {name: {"mean": 0.5, "interval": 0.03, "values": [0.5]} for name in ("fid", "kid", "r1")}
        rows = {"real": figures, "generated": figures}
        return {"clips": 155, "rows": rows, "real_against": real_against}

    head, real, generated = row_table(split("halves"), EMBEDDING)
    assert head == ["motions", "FID ↓", "KID ↓", "R@1 ↑"]
    assert real[1:] == ["0.500 ± 0.030 (two halves of 155)", "0.50000 ± 0.03000 (two halves of 155)", "0.500 ± 0.030"]
    assert generated[1:] == ["0.500 ± 0.030", "0.50000 ± 0.03000", "0.500 ± 0.030"]
    assert row_table(split("redrawn"), EMBEDDING)[1][1:] == generated[1:]


def test_diversity_says_of_how_many_pairs_it_is() -> None:
    assert [get_protocol("default").diversity_pairs_of(count) for count in (7, 100, 300, 301)] == [7, 100, 100, 300]
    motions = random(301, 3)
    for count, pairs in ((300, 100), (301, 300)):
        generator = torch.Generator().manual_seed(seed_of(0, "diversity", "test", 0))
        expected = float(diversity(motions[:count], pairs, generator))
        assert scoring("default", 3).diversity(motions[:count]) == {"diversity": expected}
    split = {"left_out": {"short": 0, "long": 0, "silent": 0, "cut": 1}, "cut_to_frames": 32, "diversity_pairs": 100}
    assert "Diversity: 100 pairs of motions. MModality: 30 sent" in about_split(split | {"multimodality_texts": 30})
    assert about_split(split | {"multimodality_texts": None}).endswith("100 pairs of motions.")


def test_pools() -> None:
    captions = ["walks"] * 4 + [f"jumps {at}" for at in range(7)]
    for pool in scoring("default", 3).pools(captions):
        assert len({captions[at] for at in pool.tolist()}) == 3
    assert scoring("humanml3d", 3).pools(captions).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert scoring("default", 3).pools(captions).tolist() != scoring("default", 3, repeat=1).pools(captions).tolist()


def test_real_motions_against_themselves() -> None:
    motions = random(13, 3)
    again = scoring("humanml3d", 3).real_distribution(motions, motions)
    assert again["fid"] == pytest.approx(0.0, abs=1e-9)
    assert scoring("default", 3).real_distribution(motions, motions)["fid"] > 0.01  # two halves


def test_groups_are_told_apart() -> None:
    hits = torch.tensor([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [float("nan")] * 3]).double()
    pairs = Pairs(hits, torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0.5, 0.3, 0.1]))
    nearest = torch.tensor([1, 0, 0])
    found = break_down(["bow", "walk", "walk", "run"], [[0, 1, 2]], {"real": [(pairs, nearest)]}, ["walk", "bow"])
    assert list(found) == ["bow", "walk"]
    bow, walk = found["bow"], found["walk"]
    assert (bow["clips"], walk["clips"]) == (1, 2)
    assert bow["real"]["r1"]["mean"] == 1.0
    assert bow["real"]["recognised"]["mean"] == 1.0
    assert walk["real"]["r1"]["mean"] == 0.0  # of the one that was in a pool
    assert walk["real"]["mm_dist"]["mean"] == 3.0
    assert walk["real"]["recognised"]["mean"] == 1.0


def test_labels_are_words_that_every_clip_has(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", {"train": [9, 9], "test": [9]})
    assert labels_of(store) == {"kind": ["rare", "common", "rare"]}  # "number" is no word


def test_long_clips_are_compared_in_equal_parts(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", {"train": [7, 23], "test": [50]})
    assert equal_windows(store, [0, 1], 10) == [Window(0, 0, 7), Window(1, 0, 8), Window(1, 8, 8), Window(1, 16, 7)]


def test_tokens_of_a_constant_and_a_fair_bit() -> None:
    bits = torch.zeros(2, 3, 1, 4, dtype=torch.bool)
    bits[0, :, :, 1] = True
    bits[0, :, :, 2] = True
    count = TokenCount(1, 4)
    count.update(TokenMaps((bits,), (torch.ones(2, 3, dtype=torch.bool),)))
    found = count.result()
    assert found["entropy"] == pytest.approx([0.5])
    assert found["used"] == pytest.approx([0.5])
    assert found["mutual_information"] == pytest.approx([2 / 12])  # one pair of six repeats itself


@pytest.mark.parametrize(
    "plot",
    [
        lines([Series("a < b", [3.0, 2.0, 1.5], [0.1, 0.2, 0.1]), Series("b", [1.0])], "t & u", "x", ["1", "2", "3"]),
        lines([Series("zero", [0.0])], "nothing", "x", ["1"]),
        histogram({"real": [1.0, 2.0, 2.5], "generated": [0.5]}, "near", "distance", marker=1.1),
        histogram({"real": [1.0]}, "one", "distance"),
        dots(["bow", "run & jump"], {"real": [(0.5, 0.1), None], "made": [(0.2, None), (-0.1, 0.3)]}, "by action"),
    ],
)
def test_plots_are_well_formed(plot: str) -> None:
    root = ElementTree.fromstring(plot)
    assert root.tag.endswith("svg")
    assert "nan" not in plot
    width, height = float(root.attrib["width"]), float(root.attrib["viewBox"].split()[3])
    for circle in root.iter("{http://www.w3.org/2000/svg}circle"):
        assert 0 <= float(circle.attrib["cx"]) <= width
        assert 0 <= float(circle.attrib["cy"]) <= height

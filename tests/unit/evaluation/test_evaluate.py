"""A whole evaluation in miniature: rows, seeds, batches, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.evaluation import LENGTHS, make_settings, make_subject
from helpers.evaluators import SIZES, make_evaluator
from helpers.stores import write_store
from scalemogen.data_modules import MotionStore
from scalemogen.errors import UserError
from scalemogen.evaluation import Evaluated, Subject, evaluate
from scalemogen.evaluation.columns import ATTRIBUTES, EMBEDDING, ERRORS, PLAUSIBILITY
from scalemogen.evaluation.draws import Draws
from scalemogen.evaluators import ContrastiveEvaluator
from scalemogen.metrics import Reconstruction
from scalemogen.motion import get_layout
from scalemogen.skeletons import get_skeleton

ALWAYS = {"r1", "r2", "r3", "mm_dist", "matching_score", "diversity", "fid", "kid"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Subject, ContrastiveEvaluator]:
    return make_subject(tmp_path_factory.mktemp("evaluation"))


@pytest.fixture(scope="module")
def found(made: tuple[Subject, ContrastiveEvaluator]) -> Evaluated:
    settings = make_settings(multimodality=True)
    return evaluate(
        *made, ["test", "compose"], replace(settings, protocol=replace(settings.protocol, texts=2, samples=3, pairs=2))
    )


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def test_rows_and_columns(found: Evaluated) -> None:
    for split, clips in (("test", 7), ("compose", 6)):
        content = found.result["splits"][split]
        rows = content["rows"]
        assert content["clips"] == clips
        assert list(rows) == ["real", "reconstruction", "generated"]
        for row in rows.values():
            assert set(row) >= ALWAYS
            assert set(row) & set(PLAUSIBILITY)
            assert not set(row) & set(ATTRIBUTES)
            assert all(len(value["values"]) <= 2 for value in row.values())
        assert set(rows["reconstruction"]) & set(ERRORS) == set(ERRORS)
        assert not set(rows["real"]) & set(ERRORS)
        assert [name for name, row in rows.items() if "multimodality" in row] == ["generated"]
        assert list(rows["generated"])[: len(EMBEDDING)] == list(EMBEDDING)


def test_errors_are_those_of_the_metric(made: tuple[Subject, ContrastiveEvaluator], found: Evaluated) -> None:
    subject, _ = made
    store, metric = subject.store, Reconstruction()
    layout = get_layout(store.facts.layout)
    draws = Draws(store, "test", make_settings().protocol, 0, subject.max_frames, subject.min_frames)
    for window in draws.windows():
        (target, lengths), predicted = subject.real([window]), subject.rebuild([window]).features[-1]
        metric.update(*(layout.decode(x, store.facts.skeleton) for x in (predicted, target)), lengths)
    row = found.result["splits"]["test"]["rows"]["reconstruction"]
    assert {name: row[name]["mean"] for name in ERRORS} == pytest.approx(
        {name: float(value) for name, value in metric.compute().items()}, rel=1e-4
    )


def test_plain_finite_values_alone(found: Evaluated) -> None:
    assert json.loads(json.dumps(found.result, allow_nan=False)) == found.result
    assert all(isinstance(leaf, str | int | float | bool | None) for leaf in leaves(found.result))


def test_what_is_beside_the_rows(found: Evaluated) -> None:
    content = found.result["splits"]["test"]
    assert content["left_out"] == {"short": 0, "long": 0, "silent": 0, "cut": 1}
    assert content["cut_to_frames"] == 32
    assert content["retrieval"]["motions"] == 7
    assert content["embedding_width"] == SIZES["embedding"]
    assert content["diversity_pairs"] == 7
    assert content["multimodality_texts"] == 2
    assert content["real_against"] == "halves"
    groups = content["breakdown"]["kind"]
    assert {name: group["clips"] for name, group in groups.items()} == {"common": 6, "rare": 1}
    assert 0 <= groups["common"]["generated"]["recognised"]["mean"] <= 1
    copies = content["memorisation"]
    assert copies["judged"]["generated"] == 7
    assert {name: len(values) for name, values in copies["shares"].items()} == copies["judged"]
    assert all(len(curve["mean"]) == 3 for name, curve in content["preservation"].items() if name != "clips")
    assert set(content["tokens"]) == {"reconstruction", "generated"}
    captions = [example.caption for example in found.examples["test"]]
    assert len(captions) == 6
    assert all(set(example.motions) == set(content["rows"]) for example in found.examples["test"])


def test_batches_change_nothing(made: tuple[Subject, ContrastiveEvaluator]) -> None:
    alone, together = (evaluate(*made, ["test"], make_settings(repeats=1, size=size)).result for size in (1, 7))
    for row, figures in together["splits"]["test"]["rows"].items():
        for name, value in figures.items():
            other = alone["splits"]["test"]["rows"][row][name]["mean"]
            assert value["mean"] == pytest.approx(other, rel=1e-4, abs=1e-5), (row, name)


def test_repeats_have_draws_of_their_own(made: tuple[Subject, ContrastiveEvaluator]) -> None:
    rows = evaluate(*made, ["test"], make_settings(repeats=2)).result["splits"]["test"]["rows"]
    assert len(set(rows["generated"]["fid"]["values"])) == 2
    assert len(set(rows["real"]["mm_dist"]["values"])) == 2  # other captions
    assert len(set(rows["reconstruction"]["mpjpe_root_mm"]["values"])) == 1  # the same windows
    one = evaluate(*made, ["test"], make_settings(repeats=1)).result["splits"]["test"]["rows"]
    assert one["generated"]["fid"]["values"] == rows["generated"]["fid"]["values"][:1]


def test_a_tokenizer_alone(tmp_path: Path) -> None:
    found = evaluate(*make_subject(tmp_path, "tokenizer"), ["test"], make_settings(repeats=1, multimodality=True))
    content = found.result["splits"]["test"]
    assert list(content["rows"]) == ["real", "reconstruction"]
    assert content["memorisation"] is None
    assert list(content["tokens"]) == ["reconstruction"]
    assert found.result["settings"]["guidance"] is None


def test_random_crops(made: tuple[Subject, ContrastiveEvaluator], tmp_path: Path) -> None:
    subject, evaluator = made
    lengths = {"train": [19], "test": [16, 24, 31, 40, 45, 29, 30]}
    other = Subject(subject.bundle, write_store(tmp_path / "store", lengths))
    settings = make_settings(repeats=2)
    protocol = replace(settings.protocol, crop="random", unit=4, unit_drop=0.5, order="shuffled", pools="consecutive")
    protocol = replace(protocol, real_against="redrawn", pool=3)
    content = evaluate(other, evaluator, ["test"], replace(settings, protocol=protocol)).result["splits"]["test"]
    assert content["clips"] == 6
    assert len(set(content["rows"]["reconstruction"]["mpjpe_root_mm"]["values"])) == 2


def test_what_cannot_be_measured_is_refused(made: tuple[Subject, ContrastiveEvaluator], tmp_path: Path) -> None:
    subject, evaluator = made
    with pytest.raises(UserError, match="no split 'tset'; it has train, test, compose"):
        evaluate(subject, evaluator, ["tset"], make_settings())
    with pytest.raises(UserError, match="0 repeats"):
        evaluate(subject, evaluator, ["test"], make_settings(repeats=0))
    with pytest.raises(UserError, match="skeleton kit"):
        evaluate(
            subject,
            make_evaluator(skeleton=get_skeleton("kit"), mean=torch.zeros(251), std=torch.ones(251)),
            ["test"],
            make_settings(),
        )
    store = write_store(tmp_path / "store", LENGTHS)
    clip = store.index("test-3")
    features = np.lib.format.open_memmap(tmp_path / "store" / "features.npy", "r+")
    features[np.load(tmp_path / "store" / "starts.npy")[clip] + 20, 5] = np.nan
    features.flush()
    broken = Subject(subject.bundle, MotionStore.open(tmp_path / "store"))
    with pytest.raises(UserError, match="clip 'test-3' holds features that are not finite"):
        evaluate(broken, evaluator, ["test"], make_settings())

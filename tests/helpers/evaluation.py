"""A tiny model, store and evaluator that fit each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from helpers.evaluators import make_evaluator
from helpers.models import make_model
from helpers.stores import write_store
from scalemogen.checkpoints import load_model
from scalemogen.data_modules import MotionStore
from scalemogen.evaluation import Batching, Settings, Subject, evaluate, get_protocol
from scalemogen.evaluators import ContrastiveEvaluator

LENGTHS = {"train": [12, 20, 67, 31, 9], "test": [8, 16, 24, 40, 13, 31, 17], "compose": [9, 10, 11, 12, 13, 14]}
POOL = 4


def make_store(folder: Path) -> MotionStore:
    return write_store(folder / "store", LENGTHS)


def make_subject(folder: Path, stage: Literal["tokenizer", "ar"] = "ar") -> tuple[Subject, ContrastiveEvaluator]:
    """Return a model beside its data, and an evaluator of random weights."""
    return Subject(load_model(make_model(folder / stage, stage)), make_store(folder)), make_evaluator()


def make_settings(repeats: int = 2, size: int = 5, multimodality: bool = False) -> Settings:
    protocol = get_protocol("default").with_pool(POOL)
    return Settings(protocol, repeats=repeats, multimodality=multimodality, batching=Batching(size))


def evaluate_on_rank(rank: int, folder: str) -> str:
    """Return the result of the model and the store in `folder` as JSON, whichever process this is."""
    place = Path(folder)
    subject = Subject(load_model(place / "ar"), MotionStore.open(place / "store"))
    return json.dumps(evaluate(subject, make_evaluator(), ["test"], make_settings(multimodality=True)).result)

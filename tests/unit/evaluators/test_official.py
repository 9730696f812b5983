from __future__ import annotations

from pathlib import Path

import pytest

from helpers.official import write_retrieval
from scalemogen.data_modules.published import READERS
from scalemogen.errors import UserError
from scalemogen.evaluation import load_evaluator
from scalemogen.evaluators import OFFICIAL


def test_there_is_an_evaluator_for_every_published_data_set() -> None:
    assert set(OFFICIAL) == set(READERS)


def test_an_official_evaluator_is_loaded_by_name_and_takes_the_data_sets_motions(tmp_path: Path) -> None:
    folder = write_retrieval(tmp_path / "evaluator")
    evaluator = load_evaluator(f"snapmogen:{folder}")
    form = READERS["snapmogen"].form
    assert (evaluator.name, evaluator.skeleton, evaluator.layout) == (form.name, form.skeleton, form.layout)
    assert (evaluator.fps, evaluator.width) == (form.fps, form.width)
    assert load_evaluator(f"snapmogen:{folder / 'net_best_top1.tar'}").digest == evaluator.digest


def test_a_folder_that_is_not_there_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere lacks finest.tar .*, mean.npy .*, std.npy .*, glove/"):
        load_evaluator(f"humanml3d:{tmp_path / 'nowhere'}")

"""Batches keep the order of their jobs, and nothing is computed twice."""

from __future__ import annotations

import torch

from scalemogen.evaluation.samples import Batching, Remembered, Samples


def test_jobs_are_batched_by_size_and_come_back_in_their_order() -> None:
    seen: list[list[int]] = []

    def work(batch: list[int]) -> Samples:
        seen.append(batch)
        return {"double": torch.tensor([2 * job for job in batch])}

    found = Batching(size=3, quiet=True).run([5, 1, 7, 3, 11], [5, 1, 7, 3, 11], work, "jobs")
    assert found["double"].tolist() == [10, 2, 14, 6, 22]
    assert seen == [[11, 7, 5], [3, 1]]


def test_what_was_computed_is_remembered() -> None:
    asked: list[list[str]] = []

    def run(jobs: list[str]) -> Samples:
        asked.append(jobs)
        return {"size": torch.tensor([len(job) for job in jobs])}

    remembered, forgetful = Remembered(run), Remembered(run, keep=False)
    assert remembered(["a", "bbb", "a"])["size"].tolist() == [1, 3, 1]
    assert remembered(["cc", "bbb"])["size"].tolist() == [2, 3]
    assert asked == [["a", "bbb"], ["cc"]]
    assert forgetful(["a", "a"])["size"].tolist() == [1, 1]
    assert forgetful(["a"])["size"].tolist() == [1]
    assert asked[2:] == [["a", "a"], ["a"]]

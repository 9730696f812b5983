"""Two processes build one store, share its clips, and take equally many steps."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from scalemogen.data_modules import Loading, Synthetic


def _work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/meeting", world_size=2, rank=rank)
    module = Synthetic(clips=20, root=f"{folder}/data", loading=Loading(batch_size=4, max_frames=60, min_frames=4))
    module.prepare_data()
    seen = {
        "train": [batch.clip_ids for batch in module.train_dataloader()],
        "val": [batch.clip_ids for batch in module.val_dataloader()],
    }
    Path(f"{folder}/{rank}.json").write_text(json.dumps(seen))
    dist.destroy_process_group()


def test_two_processes_share_one_epoch(tmp_path: Path) -> None:
    # Forked: the tests run on one thread, and importing everything twice again would take most of the time.
    mp.start_processes(_work, (str(tmp_path),), nprocs=2, start_method="fork")
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    for split in ("train", "val"):
        assert len(first[split]) == len(second[split]) > 0
        seen = [clip for rank in (first, second) for batch in rank[split] for clip in batch]
        assert len(set(seen)) == len(seen)
    assert [len(batch) for batch in first["train"]] == [len(batch) for batch in second["train"]] == [4, 4]
    stores = [path.name for path in (tmp_path / "data").iterdir() if not path.name.startswith(".")]
    assert len(stores) == 1

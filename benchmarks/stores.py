"""Stores and loaders in figures: a million clips, one store in several processes, batches, feature extraction."""

from __future__ import annotations

import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from scalemogen.benchmarks.flops import TokenizerShape, total, with_backward
from scalemogen.contracts import TokenSpec
from scalemogen.data_modules import BucketSampler, Loading, MotionStore, Origin, Stored, StoreWriter, export_shards
from scalemogen.data_modules.writer import TRAIN
from scalemogen.motion import get_layout
from scalemogen.scales import scales_from_count
from scalemogen.skeletons import get_skeleton
from scalemogen.synthetic import generate_clip

PROCESSES = 4
DENSE_CLIPS = 1500
"""Clips of the store whose every frame is read: about 190 MB."""

BATCH, FRAMES = 64, 196
"""Clips of a batch and frames of the longest, in the paper's tokenizer recipe for HumanML3D."""

WARM_BATCHES = 12
CAPTION = "a person walks forward"


@dataclass(frozen=True)
class Figure:
    """One number.

    Attributes:
        name: what was measured.
        value: the number.
        unit: its unit.
    """

    name: str
    value: float
    unit: str


def measure(clips: int, repeats: int) -> list[Figure]:
    """Return all figures.

    Args:
        clips: of the large store, whose features are a sparse file.
        repeats: of which the median counts.
    """
    with tempfile.TemporaryDirectory() as folder:
        large, dense = Path(folder) / "large", Path(folder) / "dense"
        generate_store(large, clips, noise=False)
        generate_store(dense, DENSE_CLIPS, noise=True)
        return [*_large(large, repeats), *_loader(dense), _step(), *_memory(dense), *_features(repeats)]


def generate_store(path: Path, clips: int, *, noise: bool) -> None:
    """Write a store of clips of 40 to 200 frames with 263 features, fast: columns whole instead of clip by clip.

    Args:
        path: folder of the store; must not exist.
        clips: number of clips.
        noise: fill the features; else their file is sparse and holds zeros.
    """
    skeleton, layout = get_skeleton("humanml3d"), "humanml3d"
    width = get_layout(layout).width(skeleton)
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(40, width, generator=generator).numpy()
    origin = Origin("noise", "CC0", "Made for a measurement.")
    with StoreWriter(path, skeleton=skeleton, layout=layout, fps=20, origin=origin, provenance={}) as writer:
        writer.add("0", first, [CAPTION], TRAIN)
    lengths = torch.randint(40, 201, (clips,), generator=generator).numpy()
    rows = int(lengths.sum())
    features = open_memmap(path / "features.npy", "w+", np.float32, (rows, width))
    if noise:
        for start in range(0, rows, len(first)):
            features[start : start + len(first)] = first[: rows - start]
    features.flush()
    counted = np.arange(1, clips + 1)
    columns = {
        "starts": lengths.cumsum() - lengths,
        "lengths": lengths,
        "splits": np.zeros(clips, np.uint8),
        "caption_ends": counted,
    }
    digits = len(str(clips))
    texts = {
        "ids": [f"{n:0{digits}d}" for n in range(clips)],
        "captions": [CAPTION] * clips,
        "attributes": ["{}"] * clips,
    }
    for name, values in texts.items():
        columns[name] = np.frombuffer("".join(values).encode(), np.uint8)
        columns[f"{name}_ends"] = counted * len(values[0])
    for name, column in columns.items():
        np.save(path / f"{name}.npy", column)
    description = json.loads((path / "store.json").read_text("utf-8"))
    (path / "store.json").write_text(json.dumps({**description, "clips": clips, "frames": rows}), "utf-8")


def _large(path: Path, repeats: int) -> list[Figure]:
    store = MotionStore.open(path)

    def first_batch() -> None:
        lengths = np.minimum(np.asarray(store.lengths), FRAMES)
        next(iter(BucketSampler(lengths, batch_size=BATCH)))

    def from_nothing() -> Stored:
        module = Stored(str(path), loading=Loading(batch_size=BATCH))
        next(iter(module.train_dataloader()))
        return module

    shuffled, started = median_seconds(first_batch, repeats), median_seconds(from_nothing, repeats)
    before = bytes_read()
    from_nothing()
    read, size = bytes_read() - before, (path / "features.npy").stat().st_size
    return [
        Figure(f"store of {len(store)} clips ({size / 1e9:.0f} GB, sparse): open", opened(path, repeats) * 1e3, "ms"),
        Figure("its epoch shuffled, first list of clips drawn", shuffled, "s"),
        Figure("from nothing to its first shuffled batch", started, "s"),
        Figure("read from its files for that", read / 1e6, "MB"),
    ]


def median_seconds(work: Callable[[], object], repeats: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the median time of some calls by a clock, after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        start = clock()
        work()
        times.append(clock() - start)
    return statistics.median(times)


def opened(path: Path, repeats: int) -> float:
    """Return the seconds that it takes to open a store."""
    return median_seconds(lambda: MotionStore.open(path), repeats)


def _loader(path: Path) -> list[Figure]:
    what = f"of {BATCH} clips, 40 to {FRAMES} frames"
    cases = [(what, path, 0.0, 20), ("with changes of speed", path, 0.25, 4)]
    if find_spec("litdata") is not None:
        shards = export_shards(MotionStore.open(path), path.with_name("shards"))
        cases.insert(1, (f"{what}, from shards", shards.path, 0.0, 20))
    figures = []
    for words, place, speed, batches in cases:
        loader = Stored(str(place), loading=Loading(batch_size=BATCH, speed=speed)).train_dataloader()
        taken = iter(loader)
        next(taken)
        start = time.process_time()
        count = sum(1 for _ in islice(taken, batches - 1))
        seconds = time.process_time() - start
        figures.append(Figure(f"loader in one process, {words}, by its CPU time", count / seconds, "batches/s"))
    return figures


def _step() -> Figure:
    """Return the useful arithmetic of a training step of the full-size tokenizer, forwards and backwards."""
    skeleton, cell = get_skeleton("humanml3d"), 4
    spec = TokenSpec(
        bits=24,
        scales=scales_from_count(11, FRAMES // cell, skeleton.chain("inner-to-outer")),
        cells=FRAMES // cell,
        parts=len(skeleton.parts),
        frames_per_cell=cell,
        skeleton=skeleton.name,
        skeleton_digest=skeleton.digest,
        layout="humanml3d",
    )
    shape, cells = TokenizerShape(spec, skeleton, width=384, blocks=2), [spec.cells] * BATCH
    operations = total(with_backward(shape.encoder(cells) + shape.decoder(cells)))
    what = f"arithmetic of a training step of the full-size tokenizer, {BATCH} clips of {FRAMES} frames"
    return Figure(what, operations / 1e12, "TFLOP")


def _memory(path: Path) -> list[Figure]:
    size = (path / "features.npy").stat().st_size
    what = f"memory of its own that each of {PROCESSES} processes gained as all read a store of {size / 1e6:.0f} MB"
    return [Figure(f"{what}, at most", memory_of_data(path, PROCESSES) / 1e6, "MB")]


def memory_of_data(path: Path, processes: int) -> int:
    """Return the most memory of its own that one of several processes gained over an epoch, after a dozen batches.

    Args:
        path: folder of a store.
        processes: that read at the same time.
    """
    context = multiprocessing.get_context("spawn")
    results: Queue[int] = context.Queue()
    barrier = context.Barrier(processes)
    workers = [context.Process(target=_read_epoch, args=(path, barrier, results)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    found = [results.get(timeout=280) for _ in workers]
    for worker in workers:
        worker.join()
    return max(found)


def _read_epoch(path: Path, barrier: Barrier, results: Queue[int]) -> None:
    torch.set_num_threads(1)
    module = Stored(str(path), loading=Loading(batch_size=BATCH))
    loader = iter(module.train_dataloader())
    for _ in islice(loader, WARM_BATCHES):
        pass
    own = _own_memory()
    barrier.wait()  # all read at the same time
    for _ in loader:
        pass
    results.put(max(0, _own_memory() - own))


def bytes_read() -> int:
    """Return the bytes that this process has read from files, whether they were in the page cache or not."""
    return int(Path("/proc/self/io").read_text().split()[1])


def _own_memory() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


def joints(clips: int, frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return joints (B, T, J, 3) and rotations (B, T, J, 4) of procedural motions, repeated to fill the frames."""
    motions = [generate_clip(n, 0, 20.0, simple=False).motion for n in range(4)]
    rows = [torch.arange(frames) % motion.frames for motion in motions]
    positions = torch.stack([motion.positions[at] for motion, at in zip(motions, rows, strict=True)])
    rotations = torch.stack([motion.rotations[at] for motion, at in zip(motions, rows, strict=True)])
    chosen = torch.arange(clips) % len(motions)
    return positions[chosen], rotations[chosen]


def _features(repeats: int) -> list[Figure]:
    device, clock = ("cuda", time.perf_counter) if torch.cuda.is_available() else ("cpu", time.process_time)
    positions, rotations = (values.to(device) for values in joints(BATCH, 120))
    skeleton = get_skeleton("humanml3d")

    def extract(layout: str) -> NDArray[np.float32]:
        found: NDArray[np.float32] = get_layout(layout).encode(positions, rotations, skeleton).cpu().numpy()
        return found

    return [
        Figure(
            f"features {layout} from joints, batches of {BATCH} clips of 120 frames ({device} time)",
            BATCH / median_seconds(lambda layout=layout: extract(layout), repeats, clock),  # type: ignore[misc]
            "clips/s",
        )
        for layout in ("humanml3d", "humanml3d-published", "snapmogen")
    ]

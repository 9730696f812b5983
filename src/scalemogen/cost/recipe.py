"""The cost of a recipe: its task, built on pretended tensors, and what a step and a generation take."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from scalemogen.checkpoints import Bundle
from scalemogen.contracts import TokenSpec
from scalemogen.cost.pretend import Pretence
from scalemogen.cost.running import Memory, Settings, Training
from scalemogen.cost.stand_ins import KeptLatents, KnownData, Words, random_features, untrained
from scalemogen.cost.tracker import frozen_networks
from scalemogen.data_modules.writer import TRAIN
from scalemogen.scales import Pyramid
from scalemogen.tasks import ARTask, Execution, TokenizerTask
from scalemogen.tasks.base import MotionTask
from scalemogen.tasks.text import TextTask

WORDS = 32
"""Tokens of a caption, where nothing else is known."""


@dataclass(frozen=True)
class Tokens:
    """Tokens over all scales.

    Attributes:
        motion: of the longest motion.
        step: of a batch of longest motions.
        mean_motion, mean_step: of motions of mean length; None where the data is not there.
    """

    motion: int
    step: int
    mean_motion: int | None
    mean_step: int | None


@dataclass(frozen=True)
class Cost:
    """What a recipe costs.

    Attributes:
        stage: "tokenizer", "ar" or "evaluator".
        trainable: parameters that are trained.
        untrained: parameters that are not: those of the frozen tokenizer.
        batch: clips in a batch, on each device.
        frames: frames of the longest motion.
        mean_frames: mean frames of a training clip; None where the data is not there.
        tokens: None for the evaluator, which has none.
        step_flops: floating point operations of a training step, forward and backward, on a batch of longest motions.
        mean_step_flops: the same on motions of mean length; None where the data is not there.
        generation_flops: for one longest motion, of the model alone; a tokenizer encodes and decodes it, an evaluator
            embeds it and a caption.
        generation_calls: operators called for it.
        generation_bytes: most bytes alive at once while it is made, weights among them.
        memory: of a training step on one device.
        checkpoint: bytes of one checkpoint.
        gathered: bytes of the largest block and of all that is in no block: what a device must hold of weights at once.
    """

    stage: str
    trainable: int
    untrained: int
    batch: int
    frames: int
    mean_frames: int | None
    tokens: Tokens | None
    step_flops: int
    mean_step_flops: int | None
    generation_flops: int
    generation_calls: int
    generation_bytes: int
    memory: Memory
    checkpoint: int
    gathered: int


@dataclass(frozen=True)
class Devices:
    """The same on several devices.

    Attributes:
        count: devices.
        global_batch: clips in a step over all devices.
        ddp: bytes on each device under DistributedDataParallel, which keeps every gradient a second time to send it.
        fsdp: estimate of the bytes on each device were weights, gradients, optimiser and average spread evenly; one
            block at a time, and what is in no block, is gathered whole, with its gradients.
    """

    count: int
    global_batch: int
    ddp: int
    fsdp: int


@dataclass(frozen=True)
class TokenizerPlan:
    """The tokenizer that an ar recipe stands on.

    Attributes:
        spec: its token grid.
        arguments: its constructor's.
        source: where they come from, for the reader.
    """

    spec: TokenSpec
    arguments: dict[str, Any]
    source: str


def plan_tokenizer(task: TokenizerTask, data: KnownData, source: str) -> TokenizerPlan:
    """Return the plan of a tokenizer recipe's task, which is built on the way."""
    with Pretence().building():
        task.build(data)
    return TokenizerPlan(task.tokenizer.spec, task.arguments, source)


def build(
    task: MotionTask, data: KnownData, plan: TokenizerPlan | None, pretence: Pretence | None, words: int = WORDS
) -> None:
    """Build a task's networks without data, frozen text encoder or trained tokenizer.

    Args:
        task: fresh.
        data: what is known of its data.
        plan: of the tokenizer; needed by `ARTask`.
        pretence: gives weights without content; None makes real ones.
        words: tokens of every caption.
    """
    task.execution = Execution()  # compiled and recomputed blocks are counted as plain ones
    if isinstance(task, TextTask):
        task.text_choice = Words(task.text_choice, words, pretence)
    if isinstance(task, ARTask):
        if plan is None:
            raise ValueError("the ar stage stands on a tokenizer; give its plan")
        task._load_tokenizer = partial(_untrained, plan, data)  # type: ignore[method-assign]
        if task.latents and data.alike:
            latents: Any = KeptLatents(plan.spec, pretence)
            task._caches[TRAIN] = latents
    if pretence is None:
        task.build(data)
        return
    with pretence.building():
        task.build(data)


def _untrained(plan: TokenizerPlan, data: KnownData) -> tuple[Bundle, Path]:
    return untrained(plan.spec, plan.arguments, data.facts), Path(plan.source)


def prepare(task: MotionTask, data: KnownData, settings: Settings, pretence: Pretence | None) -> Training:
    """Return a built task, ready to be trained on batches of its own kind: pretended or random ones."""
    width = len(data.facts.mean)
    if pretence is None:
        return Training(task, settings, lambda batch, frames: random_features(frames, batch, data.facts))
    return Training(task, settings, lambda batch, frames: pretence.empty(batch, frames, width))


def estimate(
    task: MotionTask,
    data: KnownData,
    batch: int,
    settings: Settings,
    plan: TokenizerPlan | None = None,
    words: int = WORDS,
) -> Cost:
    """Return what a recipe costs, in seconds and without memory for its weights and activations.

    Args:
        task: the recipe's, fresh.
        data: what is known of its data.
        batch: clips in a batch, on each device.
        settings: of the trainer.
        plan: of the tokenizer; needed by `ARTask`.
        words: tokens of every caption.
    """
    pretence = Pretence()
    build(task, data, plan, pretence, words)
    training = prepare(task, data, settings, pretence)
    training.begin()
    flops, peak = _step(training, batch, data.longest)
    memory, checkpoint = training.memory(peak), training.checkpoint()
    mean = None if data.mean is None else _step(training, batch, data.mean)[0]
    generation = training.generation(data.longest)
    spec = plan.spec if plan is not None else task.tokenizer.spec if isinstance(task, TokenizerTask) else None
    return Cost(
        stage=task.stage,
        trainable=sum(p.numel() for p in task.parameters() if p.requires_grad),
        untrained=sum(p.numel() for network in frozen_networks(task) for p in network.parameters()),
        batch=batch,
        frames=data.longest,
        mean_frames=data.mean,
        tokens=None if spec is None else _tokens(spec, data, batch),
        step_flops=flops,
        mean_step_flops=mean,
        generation_flops=generation.flops,
        generation_calls=generation.calls,
        generation_bytes=generation.peak,
        memory=memory,
        checkpoint=checkpoint,
        gathered=training.gathered(),
    )


def _step(training: Training, batch: int, frames: int) -> tuple[int, int]:
    """Return operations and peak of a step on equally long clips, on the line through batches of one and of two.

    Every clip adds the same operations, and the same bytes to the peak of each phase: forward pass, every stretch of
    the backward pass between two gradients, update. The largest of them is the peak of the step. Code that works in
    blocks of fixed size would otherwise have thousands of them followed one by one.
    """
    one, two = (training.step(torch.full((size,), frames)) for size in (1, 2))

    def along(first: int, second: int) -> int:
        return first + (second - first) * (batch - 1)

    peaks = (along(first, second) for first, second in zip(one.peaks, two.peaks, strict=True))
    return along(one.flops, two.flops), max(peaks)


def _tokens(spec: TokenSpec, data: KnownData, batch: int) -> Tokens:
    pyramid = Pyramid(spec)

    def count(frames: int) -> int:
        cells = int(pyramid.cells(torch.tensor([frames])))
        return sum(times * groups for times, groups in pyramid.sizes(cells))

    longest, mean = count(data.longest), None if data.mean is None else count(data.mean)
    return Tokens(longest, batch * longest, mean, None if mean is None else batch * mean)


def on_devices(cost: Cost, count: int) -> Devices:
    """Return memory and batch on several devices."""
    memory = cost.memory
    spread = memory.weights + memory.gradients + memory.optimiser + memory.average
    copies = memory.gradients if count > 1 else 0
    gathered = 0 if count == 1 else 2 * cost.gathered
    return Devices(
        count=count,
        global_batch=count * cost.batch,
        ddp=memory.total + copies,
        fsdp=memory.frozen + memory.activations + -(-spread // count) + gathered,
    )

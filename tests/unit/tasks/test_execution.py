"""Recomputed and compiled blocks: the same losses, gradients, names and files as without."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from helpers.toy import SKELETON, make_features, make_spec
from helpers.toy_ar import toy_quantised, toy_spec, toy_text, toy_transformer
from helpers.training import assert_equal_states, fit, read
from scalemogen.ar import scale_weighted_cross_entropy
from scalemogen.checkpoints import load_model
from scalemogen.cost import LiveMemory, footprint
from scalemogen.tasks import Execution
from scalemogen.tokenizer import MotionTokenizer

CHECKPOINTING = "--model.execution.activation_checkpointing=true"

Loss = Callable[[], Tensor]
Make = Callable[[], tuple[nn.Module, Loss]]


def ar() -> tuple[nn.Module, Callable[[], Tensor]]:
    """Return a network of eight blocks in training, with random dropout, and what computes its loss."""
    spec = toy_spec()
    network, quantised = toy_transformer(spec, dropout=0.1, drop_path=0.2).train(), toy_quantised(spec)
    network.blocks.extend([deepcopy(block) for block in [*network.blocks] * 3])

    def loss() -> Tensor:
        logits = network(quantised.inputs, toy_text(), quantised.maps.valid)
        return scale_weighted_cross_entropy(logits, quantised.maps, spec).loss

    return network, loss


def tokenizer() -> tuple[nn.Module, Callable[[], Tensor]]:
    """The same for stage 1."""
    network = MotionTokenizer(make_spec(), SKELETON, width=11, blocks=5, dropout=0.2).train()
    features, lengths = make_features([44, 9, 31])

    def loss() -> Tensor:
        output = network(features, lengths)
        return output.reconstruction.square().mean() + output.quantised.residuals[-1].square().mean()

    return network, loss


def gradients(network: nn.Module, loss: Callable[[], Tensor]) -> dict[str, Tensor]:
    """Return the loss and the gradient of every parameter, by name."""
    torch.manual_seed(7)
    value = loss()
    value.backward()  # type: ignore[no-untyped-call]
    return {"loss": value.detach(), **{name: p.grad for name, p in network.named_parameters() if p.grad is not None}}


def plain_and(execution: Execution, make: Make) -> tuple[tuple[nn.Module, Loss], tuple[nn.Module, Loss]]:
    """Return the same network and loss twice, the second run as `execution` says, under the same names of weights."""
    torch.manual_seed(5)
    plain, loss = make()
    torch.manual_seed(5)
    changed, loss_again = make()
    execution.apply(changed)
    assert changed.state_dict().keys() == plain.state_dict().keys()
    return (plain, loss), (changed, loss_again)


def kept(loss: Callable[[], Tensor]) -> int:
    """Return the most bytes of tensors alive at once while the loss is computed."""

    def run() -> None:
        loss()

    return footprint(LiveMemory(), run).peak


@pytest.mark.parametrize("make", [ar, tokenizer])
def test_recomputed_blocks_give_the_same_bits_with_less_memory(make: Make) -> None:
    (plain, loss), (thrifty, loss_again) = plain_and(Execution(activation_checkpointing=True), make)
    assert_equal_states(gradients(thrifty, loss_again), gradients(plain, loss))
    assert kept(loss_again) < 0.6 * kept(loss)


@pytest.mark.filterwarnings("ignore")  # the compiler warns about its own parts, and of what it leaves to eager code
@pytest.mark.slow
@pytest.mark.parametrize("make", [ar, tokenizer])
def test_compiled_blocks_give_the_same_losses(make: Make) -> None:
    (plain, loss), (compiled, loss_again) = plain_and(Execution(compile=True), make)
    for network in (plain, compiled):  # compiled code draws other random numbers
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
            if hasattr(module, "path_rate"):
                module.path_rate = 0.0
    mine, theirs = gradients(compiled, loss_again), gradients(plain, loss)
    for name, value in theirs.items():
        torch.testing.assert_close({name: mine[name]}, {name: value}, atol=1e-6, rtol=1e-5)


def test_a_run_with_recomputed_blocks_is_like_any_other(tmp_path: Path) -> None:
    """It ends with the same weights, its model loads, and a run without goes on from its checkpoint, as it from one."""
    options = ["--model.dropout=0.1", "--checkpoint.monitor=null", "--checkpoint.every_n_train_steps=1"]

    def run(name: str, *more: str) -> Path:
        return fit("tokenizer", tmp_path / name, tmp_path / "data", "--trainer.max_steps=2", *options, *more)

    plain = run("plain", "--checkpoint.save_top_k=-1")
    thrifty = run("thrifty", CHECKPOINTING)
    states = [read(folder / "checkpoints" / "last.ckpt")["state_dict"] for folder in (thrifty, plain)]
    assert_equal_states(*states)
    load_model(thrifty / "model")
    start = f"--ckpt_path={plain / 'checkpoints' / 'step-1.ckpt'}"
    resumed = run("resumed", start, CHECKPOINTING)
    assert_equal_states(read(resumed / "checkpoints" / "last.ckpt")["state_dict"], states[0])

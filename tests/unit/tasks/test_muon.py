"""Muon against torch's own for single matrices, AdamW for vectors, and what its iteration promises."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from scalemogen.tasks import Muon
from scalemogen.tasks.base import parameter_groups
from scalemogen.tasks.muon import orthogonalise

SHAPES = [(5, 3), (3, 7), (7,), (2, 5, 3), (), (11, 1)]


def parameters(seed: int = 0) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def run(held: list[nn.Parameter], optimiser: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        generator = torch.Generator().manual_seed(100 + step)
        for parameter in held:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimiser.step()


def singular_values(matrices: Tensor) -> Tensor:
    return torch.linalg.svdvals(matrices.double())


@pytest.mark.parametrize("shape", [(3, 5, 7), (2, 13, 5), (1, 1, 3), (2, 64, 64)])
def test_singular_values_near_one_and_vectors_kept(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    result = orthogonalise(matrices)
    values = singular_values(result)
    assert values.max() < 1.3
    assert values.median() > 0.6
    u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
    turned = u.mT @ result @ vh.mT
    torch.testing.assert_close(turned, torch.diag_embed(turned.diagonal(dim1=-2, dim2=-1)), atol=1e-4, rtol=0)


def test_zero_stays_zero() -> None:
    assert not orthogonalise(torch.zeros(2, 3, 5)).any()


def test_matrices_as_torch_does() -> None:
    mine, theirs = parameters()[:2], parameters()[:2]
    settings = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1}
    run(mine, Muon(mine, **settings), range(7))
    run(theirs, torch.optim.Muon(theirs, **settings, adjust_lr_fn="match_rms_adamw"), range(7))
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=0.01, rtol=0)  # torch iterates in bfloat16


def test_vectors_as_adamw_does() -> None:
    mine, theirs = [parameters()[2], parameters()[4]], [parameters()[2], parameters()[4]]
    settings = {"lr": 0.02, "betas": (0.8, 0.9), "eps": 1e-7, "weight_decay": 0.1}
    run(mine, Muon(mine, **settings), range(7))
    run(theirs, torch.optim.AdamW(theirs, **settings), range(7))
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_a_stack_is_its_matrices() -> None:
    stack = parameters()[3]
    alone = [nn.Parameter(matrix.detach().clone()) for matrix in stack]
    gradient = torch.randn(stack.shape, generator=torch.Generator().manual_seed(1))
    stack.grad = gradient
    for parameter, own in zip(alone, gradient, strict=True):
        parameter.grad = own.clone()
    Muon([stack], lr=0.1).step()
    Muon(alone, lr=0.1).step()
    torch.testing.assert_close(stack, torch.stack(list(alone)))


def test_two_rates() -> None:
    held = parameters()
    before = copy.deepcopy(held)
    run(held, Muon(held, lr=0.0, matrix_lr=0.1, weight_decay=0.0), range(1))
    for new, old in zip(held, before, strict=True):
        assert torch.equal(new, old) == (new.ndim < 2)


def test_groups_of_a_network() -> None:
    """Weights of linear maps are matrices; biases, embeddings and learned tokens are not, and do not decay."""
    network = nn.Module()
    network.linear = nn.Linear(3, 5)
    network.words = nn.Embedding(7, 3)
    network.start = nn.Parameter(torch.zeros(2, 3))
    network.frozen = nn.Linear(3, 3).requires_grad_(False)
    matrices, others = parameter_groups(network)
    assert [id(p) for p in matrices["params"]] == [id(network.linear.weight)]
    assert {id(p) for p in others["params"]} == {id(network.start), id(network.words.weight), id(network.linear.bias)}
    optimiser = Muon([matrices, others], lr=1e-3, matrix_lr=1e-2, weight_decay=0.3)
    settings = [(group["matrices"], group["lr"], group["weight_decay"]) for group in optimiser.param_groups]
    assert settings == [(True, 1e-2, 0.3), (False, 1e-3, 0.0)]


def test_goes_on_from_its_state() -> None:
    straight, broken = parameters(), parameters()
    run(straight, Muon(straight), range(6))
    first = Muon(broken)
    run(broken, first, range(3))
    second = Muon(broken)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    run(broken, second, range(3, 6))
    for a, b in zip(straight, broken, strict=True):
        torch.testing.assert_close(a, b, atol=0, rtol=0)


@pytest.mark.parametrize("wrong", [{"lr": -1.0}, {"momentum": 1.0}, {"betas": (0.9, 1.0)}, {"weight_decay": -0.1}])
def test_settings_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"Muon: .*must"):
        Muon(parameters(), **wrong)

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor

from helpers.official import CONFIGURATION, linked, random_state, sequence_shapes, write_retrieval
from scalemogen.errors import UserError
from scalemogen.evaluators import OFFICIAL, Evaluator
from scalemogen.evaluators.snapmogen import SequenceEncoder, SnapMoGenEvaluator
from scalemogen.skeletons import get_skeleton

Array = NDArray[np.float64]
Weights = Mapping[str, Array]
LENGTHS = torch.tensor([29, 43, 7])
CAPTIONS = ["a person kicks", "someone waves with the left hand", "A man squats."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_retrieval(tmp_path_factory.mktemp("official") / "snapmogen")


@pytest.fixture(scope="module")
def evaluator(folder: Path) -> SnapMoGenEvaluator:
    return SnapMoGenEvaluator.from_folder(folder)


def weights(folder: Path, part: str) -> Weights:
    state = torch.load(folder / "net_best_top1.tar", weights_only=True)[part]
    return {name: value.double().numpy() for name, value in state.items()}


def motions() -> Tensor:
    """Return motions (3, 43, 296) as files have them, in centimetres."""
    features = torch.randn(3, 43, 296, generator=torch.Generator().manual_seed(5))
    features[..., 3] = 90.0 + 4.0 * features[..., 3]
    return features


def metres(features: Tensor) -> Tensor:
    scale = torch.ones(296)
    scale[[1, 2, 3, *range(148, 292)]] = 0.01
    return features * scale


def normalised(x: Array, weight: Array, bias: Array) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    return np.asarray(centred / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * weight + bias)


def gelu(x: Array) -> Array:
    return np.asarray(x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))))


def attend(x: Array, w: Weights, prefix: str, heads: int) -> Array:
    """Let each position of (S, E) look at all of them."""
    size = x.shape[1] // heads
    q, k, v = np.split(x @ w[f"{prefix}.in_proj_weight"].T + w[f"{prefix}.in_proj_bias"], 3, axis=1)
    found = []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        scores = q[:, part] @ k[:, part].T / math.sqrt(size)
        scores = np.exp(scores - scores.max(1, keepdims=True))
        found.append(scores / scores.sum(1, keepdims=True) @ v[:, part])
    return np.asarray(np.concatenate(found, 1) @ w[f"{prefix}.out_proj.weight"].T + w[f"{prefix}.out_proj.bias"])


def encode(x: Array, w: Weights, layers: int, heads: int) -> tuple[Array, Array]:
    """Return the first token's output and its mean for one sequence (S, inputs) without padding."""
    x = np.concatenate([w["tokens"], x @ w["projection.weight"].T + w["projection.bias"]])
    for position in range(len(x)):
        for channel in range(x.shape[1]):
            angle = position / 10000 ** ((channel - channel % 2) / x.shape[1])
            x[position, channel] += math.cos(angle) if channel % 2 else math.sin(angle)
    for layer in range(layers):
        prefix = f"seqTransEncoder.layers.{layer}"
        x = x + attend(x, w, f"{prefix}.self_attn", heads)
        x = normalised(x, w[f"{prefix}.norm1.weight"], w[f"{prefix}.norm1.bias"])
        inner = gelu(x @ w[f"{prefix}.linear1.weight"].T + w[f"{prefix}.linear1.bias"])
        x = x + inner @ w[f"{prefix}.linear2.weight"].T + w[f"{prefix}.linear2.bias"]
        x = normalised(x, w[f"{prefix}.norm2.weight"], w[f"{prefix}.norm2.bias"])
    return x[0], w["linear.weight"] @ x[0] + w["linear.bias"]


def test_motions_are_embedded_as_the_formulas_say(folder: Path, evaluator: Evaluator) -> None:
    mean, std = np.load(folder / "mean.npy").astype(float), np.load(folder / "std.npy").astype(float)
    w = weights(folder, "latent_enc")
    found = evaluator.embed_motions(metres(motions()), LENGTHS)
    for row, frames in enumerate(LENGTHS.tolist()):
        x = (motions()[row, :frames].double().numpy() - mean) / std
        distribution, matching = encode(x[:, :148], w, layers=2, heads=3)
        np.testing.assert_allclose(found.distribution[row].numpy(), distribution, atol=2e-4)
        np.testing.assert_allclose(found.matching[row].numpy(), matching, atol=2e-4)
    assert found.matching.std(0).mean() > 0.01


def test_sentences_are_embedded_as_the_formulas_say(folder: Path, evaluator: SnapMoGenEvaluator) -> None:
    w = weights(folder, "text_enc")
    found = evaluator.embed_texts(CAPTIONS)
    words = evaluator.text(CAPTIONS, truncate=True)
    assert words.mask.sum(1).max() == 11  # of the longest text that the configuration allows
    for row in range(3):
        x = words.tokens[row][words.mask[row]].double().numpy()
        np.testing.assert_allclose(found[row].numpy(), encode(x, w, layers=3, heads=5)[1], atol=2e-4)


def test_padding_and_neighbours_have_no_effect(evaluator: Evaluator) -> None:
    features = metres(motions())
    together = evaluator.embed_motions(features, LENGTHS)
    for row, frames in enumerate(LENGTHS.tolist()):
        alone = evaluator.embed_motions(features[row : row + 1, :frames], LENGTHS[row : row + 1])
        torch.testing.assert_close(alone.matching[0], together.matching[row], atol=2e-5, rtol=0)
        torch.testing.assert_close(alone.distribution[0], together.distribution[row], atol=2e-5, rtol=0)
    texts = evaluator.embed_texts(CAPTIONS)
    for row, caption in enumerate(CAPTIONS):
        torch.testing.assert_close(evaluator.embed_texts([caption])[0], texts[row], atol=2e-5, rtol=0)


def test_only_root_and_rotations_are_seen(evaluator: Evaluator) -> None:
    features = metres(motions())
    for channel, seen in ((147, True), (148, False), (295, False)):
        other = features.clone()
        other[..., channel] += 1.0
        same = torch.equal(
            evaluator.embed_motions(other, LENGTHS).matching, evaluator.embed_motions(features, LENGTHS).matching
        )
        assert same is not seen


def test_the_published_sizes_give_the_published_file() -> None:
    networks = []
    for inputs in (148, 768):
        network = SequenceEncoder(inputs, width=256, feed_forward=1024, layers=6, heads=4, activation="gelu")
        shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        assert shapes == sequence_shapes(inputs, 256, 1024, 6)
        networks.append(network)
    values = sum(value.numel() for network in networks for value in network.state_dict().values())
    assert round(4 * values / 2**20, 1) == 37.6  # MiB


def test_what_it_says_of_itself(evaluator: Evaluator) -> None:
    assert (evaluator.name, evaluator.distance, evaluator.layout) == ("snapmogen", "cosine", "snapmogen")
    assert (evaluator.fps, evaluator.width, evaluator.training) == (30.0, 296, False)
    assert evaluator.skeleton_digest == get_skeleton("snapmogen").digest


def test_the_digest_knows_weights_statistics_and_the_text_encoder(
    folder: Path, tmp_path: Path, evaluator: Evaluator
) -> None:
    digests = {evaluator.digest, SnapMoGenEvaluator.from_folder(linked(folder, tmp_path / "same")).digest}
    assert len(digests) == 1
    other = write_retrieval(tmp_path / "other", seed=7)
    for number, name in enumerate(("net_best_top1.tar", "mean.npy", "std.npy")):
        changed = linked(folder, tmp_path / str(number), name)
        (changed / name).symlink_to(other / name)
        digests.add(SnapMoGenEvaluator.from_folder(changed).digest)
    shorter = linked(folder, tmp_path / "shorter", "evaluator.yaml")
    write_yaml(shorter, lambda value: value["data"].update(max_text_length=9))
    digests.add(SnapMoGenEvaluator.from_folder(shorter).digest)
    assert len(digests) == 5


def write_yaml(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    value = yaml.safe_load(yaml.safe_dump(CONFIGURATION))
    change(value)
    (folder / "evaluator.yaml").write_text(yaml.safe_dump(value))


def test_missing_files_are_all_named_with_their_source(folder: Path, tmp_path: Path) -> None:
    part = linked(folder, tmp_path / "part", "evaluator.yaml", "mean.npy")
    with pytest.raises(UserError) as caught:
        OFFICIAL["snapmogen"](part / "net_best_top1.tar")
    message = str(caught.value)
    assert "\n" not in message
    for piece in ("evaluator.yaml (", "mean.npy (meta_data/mean.npy", "download_evaluators.sh", "docs/evaluation.md"):
        assert piece in message
    assert "std.npy (" not in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.update(vae=False), "vae: "),
        (lambda x: x.pop("text_encoder"), "text_encoder: Field required"),
        (lambda x: x["latent_encoder"].pop("num_heads"), "latent_encoder.num_heads: Field required"),
        (lambda x: x["latent_encoder"].update(activation="silu"), "latent_encoder.activation: .* got 'silu'"),
        (lambda x: x["latent_encoder"].update(num_heads=4), "latent_dim 15 is no multiple of num_heads 4"),
        (lambda x: x["text_embedder"].update(dim_embed=768), "word features of width 13; google/t5-v1_1-base has 768"),
        (lambda x: x["latent_encoder"].update(ff_size=23), r"latent_enc: .*linear1.weight is \(22, 15\)"),
        (lambda x: x["text_encoder"].update(num_layers=2), "text_enc has an unknown tensor 'seqTransEncoder.layers.2"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(
    folder: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    copy = linked(folder, tmp_path / "copy", "evaluator.yaml")
    write_yaml(copy, change)
    with pytest.raises(UserError, match=message):
        SnapMoGenEvaluator.from_folder(copy)


@pytest.mark.parametrize("content", ["a: [", "5", "!!python/object/apply:os.system ['true']", "\x00"])
def test_what_is_no_configuration_is_refused(folder: Path, tmp_path: Path, content: str) -> None:
    copy = linked(folder, tmp_path / "copy", "evaluator.yaml")
    (copy / "evaluator.yaml").write_text(content)
    with pytest.raises(UserError, match=r"evaluator.yaml"):
        SnapMoGenEvaluator.from_folder(copy)


def test_unknown_tensors_are_named(folder: Path, tmp_path: Path) -> None:
    copy = linked(folder, tmp_path / "copy", "net_best_top1.tar")
    state = random_state(sequence_shapes(148, 15, 22, 2), 0)
    state["cst_linear.weight"] = torch.zeros(2)
    torch.save({"latent_enc": state, "text_enc": {}}, copy / "net_best_top1.tar")
    with pytest.raises(UserError, match=r"net_best_top1.tar, latent_enc has an unknown tensor 'cst_linear.weight'"):
        SnapMoGenEvaluator.from_folder(copy)


def test_too_long_a_motion_and_another_unit_are_refused(evaluator: Evaluator) -> None:
    with pytest.raises(UserError, match="motions of up to 320 frames; one has 321"):
        evaluator.embed_motions(torch.zeros(1, 321, 296), torch.tensor([321]))
    with pytest.raises(UserError, match=r"in metres, with the root at about 0.90; these have it at \d\d\."):
        evaluator.embed_motions(motions(), LENGTHS)

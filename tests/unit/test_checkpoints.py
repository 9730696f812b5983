"""Model folders and checkpoints: round trips, and every damage named in one line."""

from __future__ import annotations

import errno
import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from helpers.models import make_model
from scalemogen import TextToMotion
from scalemogen.checkpoints import (
    CHECKPOINT_KEY,
    OF_THE_FILES,
    Bundle,
    describe,
    find_tokenizer,
    is_whole,
    load_checkpoint,
    load_folder,
    load_model,
    read_checkpoint,
    save_folder,
    text_settings,
)
from scalemogen.cli.stages import WholeCheckpoints
from scalemogen.errors import UserError


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_model(tmp_path / "model")


def save_again(bundle: Bundle, folder: Path) -> None:
    assert bundle.ar is not None
    save_folder(
        folder,
        facts=bundle.facts,
        spec=bundle.spec,
        tokenizer_arguments=bundle.description["tokenizer"],
        tokenizer_state=bundle.tokenizer.state_dict(),
        ar_arguments=bundle.description["ar"],
        ar_state=bundle.ar.state_dict(),
        text=bundle.text,
        sampling=bundle.sampling,
        provenance=bundle.description["provenance"],
    )


def contents(bundle: Bundle) -> dict[str, Any]:
    """Return what a checkpoint of training holds."""
    assert bundle.ar is not None
    assert bundle.text is not None
    held = describe(
        facts=bundle.facts,
        spec=bundle.spec,
        tokenizer=bundle.description["tokenizer"],
        ar=bundle.description["ar"],
        sampling=bundle.sampling,
    )
    held |= {"text": text_settings(bundle.text), "tokenizer_state": bundle.tokenizer.state_dict()}
    state = {f"transformer.{name}": value for name, value in bundle.ar.state_dict().items()}
    state |= {f"text_encoder.{name}": value for name, value in bundle.text.state_dict().items()}
    return {CHECKPOINT_KEY: held, "state_dict": state, "global_step": 7, "epoch": 3}


def test_a_folder_round_trip(original: Path, tmp_path: Path) -> None:
    save_again(load_folder(original), tmp_path / "copy")
    files = sorted(path.relative_to(original) for path in original.rglob("*") if path.is_file())
    assert [str(path) for path in files] == [
        "ar.safetensors",
        "model.json",
        "text/encoder.json",
        "text/encoder.safetensors",
        "tokenizer.safetensors",
    ]
    for file in files:
        assert (original / file).read_bytes() == (tmp_path / "copy" / file).read_bytes()


def test_a_checkpoint_is_a_model_too(original: Path, tmp_path: Path) -> None:
    bundle = load_folder(original)
    torch.save(contents(bundle), tmp_path / "last.ckpt")
    loaded = load_checkpoint(tmp_path / "last.ckpt")
    assert loaded.description.keys() == bundle.description.keys()
    assert loaded.description["provenance"] == {"checkpoint": "last.ckpt", "steps": 7, "epochs": 3}
    mine, theirs = (
        TextToMotion.from_pretrained(path).generate("a person walks left", frames=23)
        for path in (tmp_path / "last.ckpt", original)
    )
    assert torch.equal(mine.positions, theirs.positions)


def edit(folder: Path, **changes: Any) -> None:
    """Change model.json, and take the digests out, as in folders of older versions."""
    path = folder / "model.json"
    content = {key: value for key, value in json.loads(path.read_text()).items() if key not in OF_THE_FILES}
    path.write_text(json.dumps({**content, **changes}))


def change_state(folder: Path, change: Callable[[dict[str, torch.Tensor]], None], name: str = "ar") -> None:
    path = folder / f"{name}.safetensors"
    state = load_file(path)
    change(state)
    save_file(state, path)
    edit(folder)


def _cut(folder: Path) -> None:
    path = folder / "ar.safetensors"
    path.write_bytes(path.read_bytes()[:-7])
    edit(folder)


def _spoil(state: dict[str, torch.Tensor]) -> None:
    state["head.bias"] = torch.full_like(state["head.bias"], torch.nan)


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "truncated": (_cut, r"cannot read .*ar\.safetensors"),
    "missing weights": (lambda f: (f / "tokenizer.safetensors").unlink(), r"cannot read .*tokenizer\.safetensors"),
    "missing description": (lambda f: (f / "model.json").unlink(), "is no model folder: it has no model.json"),
    "not JSON": (lambda f: (f / "model.json").write_text("{"), "model.json is not a model description"),
    "a list": (lambda f: (f / "model.json").write_text("[]"), "model.json is not a model description"),
    "other format": (lambda f: edit(f, format=99), "has format 99; this version reads 1"),
    "no facts": (lambda f: edit(f, facts=None), "model.json is damaged"),
    "unknown argument": (lambda f: edit(f, ar={"colour": 1}), "model.json does not fit: .*colour"),
    "text encoder": (lambda f: (f / "text" / "encoder.json").unlink(), r"text/encoder\.json"),
    "not finite": (lambda f: change_state(f, _spoil), r"ar\.safetensors: head\.bias is not finite"),
    "lacking": (lambda f: change_state(f, lambda s: s.__delitem__("head.bias")), r"lacks tensor 'head\.bias'"),
    "unknown": (lambda f: change_state(f, lambda s: s.update(extra=torch.zeros(1))), "has an unknown tensor 'extra'"),
    "other shape": (
        lambda f: change_state(f, lambda s: s.update({"head.bias": torch.zeros(3)})),
        r"head\.bias is \(3,\); this model has \(10,\)",
    ),
    "other tokenizer": (
        lambda f: edit(f, tokenizer={"width": 8, "blocks": 1}),
        r"tokenizer\.safetensors: .* this model has",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damages_are_named(damage: str, folder: Path) -> None:
    spoil, message = DAMAGES[damage]
    spoil(folder)
    with pytest.raises(UserError, match=message) as raised:
        load_model(folder)
    assert str(folder) in str(raised.value)


@pytest.mark.parametrize("name", ["ar.safetensors", "tokenizer.safetensors", "text/encoder.safetensors", "model.json"])
def test_overwritten_bytes_of_a_folder_are_found(name: str, folder: Path) -> None:
    data = bytearray((folder / name).read_bytes())
    data[-200] ^= 1  # in model.json a digit, elsewhere the last bit of a weight
    (folder / name).write_bytes(data)
    with pytest.raises(UserError, match=rf"{name} (is damaged: its digest is|is not a model description)"):
        load_model(folder)


def test_a_folder_without_digests_loads_and_one_that_was_edited_says_what_to_do(folder: Path) -> None:
    content = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**content, "sampling": {"guidance": 3.0}}))
    with pytest.raises(UserError, match=r"model\.json is damaged: .*edited it, take the entry 'digest' out"):
        load_model(folder)
    edit(folder, sampling={"guidance": 3.0})
    assert load_model(folder).sampling == {"guidance": 3.0}


HUGE: dict[str, dict[str, Any]] = {
    "tokenizer width": {"tokenizer": {"width": 10**9, "blocks": 1}},
    "tokenizer blocks": {"tokenizer": {"width": 12, "blocks": 10**9}},
    "ar depth": {"ar": {"text_width": 16, "width": 16, "depth": 10**9, "heads": 2, "mlp_ratio": 2.0}},
    "ar width": {"ar": {"text_width": 16, "width": 2**30, "depth": 2, "heads": 2, "mlp_ratio": 2.0}},
    "infinite ratio": {"ar": {"text_width": 16, "width": 16, "depth": 2, "heads": 2, "mlp_ratio": float("inf")}},
}


@pytest.mark.parametrize("case", HUGE)
def test_sizes_out_of_proportion_are_refused_before_memory_is_taken(case: str, folder: Path) -> None:
    edit(folder, **HUGE[case])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r"model\.json is damaged"):
        load_model(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


@pytest.mark.parametrize("field", ["cells", "parts", "bits", "frames_per_cell"])
def test_a_grid_out_of_proportion_is_refused(field: str, folder: Path) -> None:
    spec = json.loads((folder / "model.json").read_text())["spec"]
    for value in (10**9, 999_999, 0, -1, 2.0, True, "8", None):
        edit(folder, spec={**spec, field: value})
        with pytest.raises(UserError, match=r"model\.json"):
            load_model(folder)


class Trap:
    """Does something when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is damaged, or no checkpoint of this suite"),
        (b"PK\x03\x04 rubbish", "is damaged, or no checkpoint of this suite"),
        ({"state_dict": {}, "pytorch-lightning_version": "2.6.6"}, "is no checkpoint of this suite"),
        ([1, 2], "is no checkpoint of this suite"),
        ({CHECKPOINT_KEY: {"format": 99}}, "has format 99; this version reads 1"),
        ({CHECKPOINT_KEY: {"format": 1, "stage": "ar"}}, "is damaged: KeyError 'facts'"),
    ],
)
def test_foreign_checkpoints_are_named(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "other.ckpt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(UserError, match=message) as raised:
        load_model(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_pickled_objects_are_not_executed(tmp_path: Path) -> None:
    torch.save({"state_dict": {}, CHECKPOINT_KEY: Trap(tmp_path / "sprung")}, tmp_path / "trap.ckpt")
    with pytest.raises(UserError, match=r"trap\.ckpt is damaged, or no checkpoint of this suite"):
        load_model(tmp_path / "trap.ckpt")
    assert not (tmp_path / "sprung").exists()


def test_a_truncated_checkpoint_and_a_wrong_stage_are_named(original: Path, tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.save(contents(load_folder(original)), path)
    with pytest.raises(UserError, match="is a checkpoint of stage ar; stage tokenizer was asked for"):
        read_checkpoint(path, "tokenizer")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="is damaged, or no checkpoint"):
        load_model(path)
    with pytest.raises(UserError, match="nowhere: no such model folder or checkpoint"):
        load_model(tmp_path / "nowhere")


def test_overwritten_bytes_of_a_checkpoint_are_found(original: Path, tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.save(contents(load_folder(original)), path)
    assert is_whole(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    path.write_bytes(data)
    assert not is_whole(path)
    with pytest.raises(UserError, match=r"last\.ckpt is damaged.*checksum"):
        load_model(path)
    with pytest.raises(UserError, match=r"last\.ckpt is damaged.*checksum"):
        WholeCheckpoints().load_checkpoint(path)
    path.write_bytes(data[:1000])
    assert not is_whole(path)
    assert not is_whole(tmp_path / "nowhere.ckpt")


def test_a_full_disk_leaves_the_old_folder_and_nothing_else(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = load_folder(folder)
    before = (folder / "model.json").read_bytes()

    def full(self: Path, *_: Any, **__: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    for target in (folder, tmp_path / "new"):
        with pytest.raises(UserError, match=r"cannot write .*No space left on device"):
            save_again(bundle, target)
    assert os.listdir(tmp_path) == ["model"]
    assert (folder / "model.json").read_bytes() == before


def test_the_newest_tokenizer_of_the_same_data_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    facts = load_folder(make_model(tmp_path / "a" / "model", stage="tokenizer")).facts
    newest = make_model(tmp_path / "b" / "model", stage="tokenizer", seed=1)
    others = [make_model(tmp_path / name / "model", stage="tokenizer") for name in ("c", "d", "e")]
    edit(others[0], facts={**facts.to_dict(), "name": "other data"})
    edit(others[1], format=99)
    (others[2] / "model.json").write_text("{")
    make_model(tmp_path / "f" / "model", stage="ar")
    for age, name in enumerate("fedcba"):
        os.utime(tmp_path / name / "model" / "model.json", (1e9 - age, 1e9 - age))
    assert find_tokenizer(tmp_path, facts) == newest
    assert "format 99" in caplog.text
    assert find_tokenizer(tmp_path / "a", facts) is None

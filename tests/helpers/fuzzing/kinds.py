"""The kinds of files and requests: for each, how a damaged one is made and which reader gets it."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from random import Random

import numpy as np
import torch

from helpers.fuzzing.mutations import damage_bytes, damage_json, damage_text, to_json
from helpers.models import make_model
from helpers.stores import bvh_text, write_store, write_table
from scalemogen.checkpoints import CHECKPOINT_KEY, describe, load_folder, load_model, text_settings
from scalemogen.data_modules import MotionStore, check_store
from scalemogen.data_modules.table import read_table
from scalemogen.export.reading import read_motion
from scalemogen.skeletons import get_skeleton

OF_THE_FILES = {"files", "digest"}
DEEP = b"[" * 20_000


class Kind(ABC):
    """One kind of input.

    Args:
        folder: empty, for its files.
    """

    must_refuse = False
    """The damage just made must be found, whatever it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._dirty: dict[Path, bytes] = {}

    def write_changed(self, folder: Path, good: dict[str, bytes], files: dict[str, bytes]) -> None:
        """Write those files that are not as they should be, and put back those that were damaged before."""
        for path, data in self._dirty.items():
            path.write_bytes(data)
        self._dirty = {folder / name: good[name] for name in files if files[name] != good[name]}
        for path in self._dirty:
            path.write_bytes(files[str(path.relative_to(folder))])

    @abstractmethod
    def make(self, dice: Random) -> None:
        """Write a damaged input into the folder."""

    @abstractmethod
    def read(self) -> object:
        """Read it; raises UserError, or nothing."""


class BVHFile(Kind):
    @cached_property
    def samples(self) -> list[bytes]:
        one = "HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\n"
        one += "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation\nJOINT Leg\n{\n"
        one += "OFFSET 0 -50 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n"
        one += "End Site\n{\nOFFSET 0 -40 0\n}\n}\n}\n"
        one += "MOTION\nFrames: 3\nFrame Time: 0.0333333\n" + "0 90 0 1 2 3 4 5 6\n" * 3
        return [one.encode(), bvh_text(get_skeleton("humanml3d"), 4, 0).encode()]

    def make(self, dice: Random) -> None:
        sample = self.samples[dice.random() < 0.3]
        (self.folder / "a.bvh").write_bytes(dice.choice((damage_bytes, damage_text, damage_text))(sample, dice))

    def read(self) -> object:
        return read_motion(self.folder / "a.bvh")


class NPZFile(Kind):
    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        path = self.folder / "good.bvh"
        path.write_bytes(bvh_text(get_skeleton("humanml3d"), 4, 0).encode())
        read_motion(path).save(self.folder / "good.npz")
        with np.load(self.folder / "good.npz") as file:
            return dict(file)

    def make(self, dice: Random) -> None:
        arrays, path = dict(self.arrays), self.folder / "a.npz"
        if dice.random() < 0.4:
            path.write_bytes(damage_bytes((self.folder / "good.npz").read_bytes(), dice))
            return
        name = dice.choice(list(arrays))
        if dice.random() < 0.3:  # the header or the numbers, in an archive that is whole
            members = {key: _npy(value) for key, value in arrays.items()}
            members[name] = dice.choice((damage_bytes, damage_text))(members[name][:128], dice) + members[name][128:]
            if dice.random() < 0.1:
                shape = f"(1000000000, {dice.choice((3, 10**6))})"
                members[name] = _npy(np.zeros(1, np.float32)).replace(
                    b"(1,), }" + b" " * 20, f"{shape}, }}".encode().ljust(27)
                )
            _zip(path, {f"{key}.npy": value for key, value in members.items()}, dice)
            return
        value = arrays[name]
        match dice.randrange(9) if dice.random() < 0.95 else 6:
            case 0:
                del arrays[name]
            case 1:
                arrays[name] = arrays[dice.choice(list(arrays))]
            case 2 if value.ndim:
                arrays[name] = value[: dice.randrange(len(value) + 1)]
            case 3:
                arrays[name] = value[None]
            case 4:
                odd = ("float16", "int8", "bool", "complex64", "U3", "S5", "float64", "datetime64[s]")
                arrays[name] = np.zeros(dice.choice((value.shape, (), (0,), (2, 2))), dice.choice(odd))
            case 5 if value.dtype.kind == "f":
                flat = value.copy().reshape(-1)
                flat[dice.randrange(len(flat))] = dice.choice((np.nan, np.inf, -np.inf, 1e30, -1, 0))
                arrays[name] = flat.reshape(value.shape)
            case 6 if dice.random() < 0.3:
                arrays[name] = np.zeros((dice.choice((10**5, 10**6)), 22), np.float32)  # small on disk
            case 7:
                arrays[name] = np.array([{}], object)
            case _:
                text = json.loads(str(self.arrays["skeleton"]))
                arrays["skeleton"] = np.asarray(to_json(damage_json(text, dice)).decode())
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]

    def read(self) -> object:
        return read_motion(self.folder / "a.npz")


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _zip(path: Path, members: dict[str, bytes], dice: Random) -> None:
    with zipfile.ZipFile(path, "w", dice.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))) as file:
        for name, data in members.items():
            file.writestr(name, data)


class ModelFolder(Kind):
    """One file of a model folder: its JSON files value by value, its weights byte by byte and header by header."""

    names: tuple[str, ...] = ()

    @cached_property
    def good(self) -> dict[str, bytes]:
        model = make_model(self.folder / "model", max_frames=16)
        return {str(path.relative_to(model)): path.read_bytes() for path in model.rglob("*") if path.is_file()}

    def make(self, dice: Random) -> None:
        files, name = dict(self.good), dice.choice(self.names)
        old = dice.random() < 0.8
        if old:  # of a version that knew no digests, so that readers see all of it
            description = json.loads(files["model.json"])
            files["model.json"] = to_json({key: value for key, value in description.items() if key not in OF_THE_FILES})
        data = files[name]
        if name.endswith(".json"):
            choice = dice.random()
            files[name] = (
                to_json(damage_json(json.loads(data), dice)) if choice < 0.7
                else damage_text(data, dice) if choice < 0.97 else DEEP
            )  # fmt: skip
        elif dice.random() < 0.5:
            files[name] = damage_bytes(data, dice)
        else:
            (length,) = struct.unpack("<Q", data[:8])
            header = data[8 : 8 + length]
            header = (
                to_json(damage_json(json.loads(header), dice)) if dice.random() < 0.7 else damage_text(header, dice)
            )
            files[name] = struct.pack("<Q", len(header)) + header + data[8 + length :]
        self.write_changed(self.folder / "model", self.good, files)
        self.must_refuse = not old and files[name] != data and not (name == "model.json" and _edited(files[name], data))

    def read(self) -> object:
        return load_folder(self.folder / "model")


def _edited(damaged: bytes, good: bytes) -> bool:
    """Return whether the content is the same, or has no digest any more: both are what a user may do."""
    try:
        content = json.loads(damaged)
    except (ValueError, RecursionError):
        return False
    return content == json.loads(good) or (isinstance(content, dict) and "digest" not in content)


class Description(ModelFolder):
    names = ("model.json", "model.json", "text/encoder.json")


class Weights(ModelFolder):
    names = ("tokenizer.safetensors", "ar.safetensors", "text/encoder.safetensors")


class Checkpoint(Kind):
    @cached_property
    def good(self) -> bytes:
        bundle = load_folder(make_model(self.folder / "model", max_frames=16))
        assert bundle.ar is not None
        assert bundle.text is not None
        arguments = {key: bundle.description[key] for key in ("tokenizer", "ar")}
        held = describe(facts=bundle.facts, spec=bundle.spec, **arguments, sampling=bundle.sampling)
        held |= {"text": text_settings(bundle.text), "tokenizer_state": bundle.tokenizer.state_dict()}
        state = {f"transformer.{name}": value for name, value in bundle.ar.state_dict().items()}
        state |= {f"text_encoder.{name}": value for name, value in bundle.text.state_dict().items()}
        torch.save({CHECKPOINT_KEY: held, "state_dict": state, "global_step": 7, "epoch": 3}, self.folder / "good.ckpt")
        return (self.folder / "good.ckpt").read_bytes()

    def make(self, dice: Random) -> None:
        good, path = self.good, self.folder / "a.ckpt"
        choice = dice.random()
        if choice < 0.5:
            path.write_bytes(damage_bytes(good, dice))
        elif choice < 0.8:  # content that its writer meant
            content = torch.load(io.BytesIO(good), weights_only=True)
            held = content[CHECKPOINT_KEY]
            tensors = held.pop("tokenizer_state")
            content[CHECKPOINT_KEY] = damage_json(held, dice)
            if isinstance(content[CHECKPOINT_KEY], dict):
                content[CHECKPOINT_KEY].setdefault("tokenizer_state", tensors)
            name = dice.choice(list(content["state_dict"]))
            match dice.randrange(5):
                case 0:
                    del content["state_dict"][name]
                case 1:
                    content["state_dict"][name] = dice.choice(
                        (None, 1, torch.zeros(3), torch.ones(2, dtype=torch.int8))
                    )
                case 2:
                    content["state_dict"] = dice.choice((None, [], 3, {}))
            torch.save(content, path)
        else:  # the pickle or a record, with a checksum that fits
            members: dict[str, bytes] = {}
            with zipfile.ZipFile(io.BytesIO(good)) as file:
                members = {name: file.read(name) for name in file.namelist()}
            name = next(name for name in members if name.endswith("data.pkl"))
            name = name if dice.random() < 0.7 else dice.choice(list(members))
            members[name] = damage_bytes(members[name], dice) if dice.random() < 0.95 else pickle.dumps([[]] * 3)
            with zipfile.ZipFile(path, "w") as file:
                for key, value in members.items():
                    file.writestr(key, value)

    def read(self) -> object:
        return load_model(self.folder / "a.ckpt")


class Table(Kind):
    @cached_property
    def good(self) -> bytes:
        rows = [[f"c{i // 2}", f"take{i // 2}.bvh", "train", f'a "person", walks {i}', "calm"] for i in range(8)]
        return write_table(self.folder / "good.csv", rows).read_bytes()

    def make(self, dice: Random) -> None:
        damage = dice.choice((damage_bytes, damage_text))
        (self.folder / "a.csv").write_bytes(damage(self.good, dice))

    def read(self) -> object:
        return read_table(self.folder / "a.csv")


class Store(Kind):
    @cached_property
    def good(self) -> dict[str, bytes]:
        store = write_store(self.folder / "store", {"train": (5, 7), "val": (3,)}, captions=2)
        return {path.name: path.read_bytes() for path in store.path.iterdir()}

    def make(self, dice: Random) -> None:
        files = dict(self.good)
        name = dice.choice(sorted(files))
        if name == "store.json" and dice.random() < 0.7:
            files[name] = to_json(damage_json(json.loads(files[name]), dice))
        elif name.endswith(".npy"):
            files[name] = damage_bytes(files[name][:128], dice) + files[name][128:] if dice.random() < 0.5 else (
                files[name][:128] + damage_bytes(files[name][128:], dice)[: len(files[name]) - 128])  # fmt: skip
        else:
            files[name] = damage_text(files[name], dice)
        self.write_changed(self.folder / "store", self.good, files)

    def read(self) -> object:
        store = MotionStore.open(self.folder / "store")
        check_store(store)
        return [(store.caption(i), store.attributes(i), store.split(i)) for i in range(len(store))]

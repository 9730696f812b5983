"""Whole files or none; digests."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from scalemogen.errors import UserError
from scalemogen.files import atomic_path, digest_bytes, digest_json, locked, work_folder


def test_a_file_appears_whole_in_a_new_folder(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        assert temporary.suffix == target.suffix  # some writers go by it
    assert target.read_text() == "half"
    assert os.listdir(target.parent) == ["file.txt"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    for name in ("old", "new"):
        with atomic_path(target) as temporary:
            temporary.mkdir()
            (temporary / name).touch()
    assert os.listdir(target) == ["new"]
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize("name", ["store", "st[o]re.v1"])
def test_what_killed_processes_left_is_cleared_and_what_others_work_on_is_not(tmp_path: Path, name: str) -> None:
    left, other = tmp_path / f".{name}.0123abcd.tmp{Path(name).suffix}", tmp_path / ".other.0123abcd.tmp"
    for folder in (left, other):
        folder.mkdir()
        (folder / "half").touch()
    with work_folder(tmp_path / name) as first:
        assert not left.exists()
        (first / "mine").touch()
        with work_folder(tmp_path / name) as second:
            (second / "theirs").touch()
        assert os.listdir(first) == ["mine"]
    assert os.listdir(tmp_path / name) == ["mine"]
    assert sorted(os.listdir(tmp_path)) == sorted([".other.0123abcd.tmp", name])


def write(target: Path, error: BaseException, folder: bool = False) -> None:
    """Write half of a file or folder, then fail."""
    with atomic_path(target) as path:
        if folder:
            path.mkdir()
            (path / "part").touch()
        else:
            path.write_text("part")
        raise error


@pytest.mark.parametrize("folder", [False, True])
def test_a_full_disk_leaves_what_was_there(folder: bool, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("before")
    with pytest.raises(UserError, match=f"cannot write {target}: No space left on device"):
        write(target, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), folder)
    assert target.read_text() == "before"
    assert os.listdir(tmp_path) == ["target"]


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(UserError, match=r"target is on a file system without locks"), locked(tmp_path / "target"):
        pass
    with pytest.raises(UserError, match=r"without locks"), work_folder(tmp_path / "folder"):
        pass
    assert os.listdir(tmp_path) == [".target.lock"]


def test_other_errors_pass_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "target", KeyboardInterrupt())
    assert not os.listdir(tmp_path)


def test_a_place_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*file/inside"), atomic_path(tmp_path / "file" / "inside"):
        pass


def test_digests() -> None:
    assert digest_bytes(b"") == "e3b0c44298fc1c14"
    assert digest_bytes(b"ab", b"c") == digest_bytes(b"abc") == "ba7816bf8f01cfea"
    assert digest_json({"a": 1, "b": [2.5, None]}) == digest_json({"b": [2.5, None], "a": 1})
    assert digest_json({"a": 1}) != digest_json({"a": 2})

"""Writing files so that nothing half-written is ever left behind, and naming content by digest."""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import json
import os
import shutil
import struct
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from scalemogen.errors import UserError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; rename it to `path` on success, remove it on failure.

    Works for a file and for a folder (an existing folder at `path` is replaced). The parent folder is made.

    Raises:
        UserError: the target cannot be written (missing permission, full disk), with the reason.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.tmp{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if temporary.is_dir():
            _replace_folder(temporary, target)
        else:
            os.replace(temporary, target)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            with suppress(OSError):  # never over the error that is on its way
                temporary.unlink(missing_ok=True)


@contextmanager
def work_folder(path: str | Path) -> Iterator[Path]:
    """`atomic_path` for a folder that takes long to fill: makes it, and clears away what killed processes left.

    Raises:
        UserError: see `atomic_path`.
    """
    name, suffix = (glob.escape(part) for part in (Path(path).name, Path(path).suffix))
    with atomic_path(path) as folder:
        for left in folder.parent.glob(f".{name}.{'[0-9a-f]' * 8}.tmp{suffix}"):
            with suppress(OSError), _locked(left):  # whoever still works on it holds its lock
                shutil.rmtree(left)
        folder.mkdir()
        with _locked(folder):
            yield folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        lock(descriptor, folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _replace_folder(temporary: Path, target: Path) -> None:
    if not target.exists():
        temporary.rename(target)
        return
    old = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.old")
    target.rename(old)
    temporary.rename(target)
    shutil.rmtree(old)


def lock(descriptor: int, path: Path, operation: int = fcntl.LOCK_EX) -> None:
    """Take the lock of an open file by `flock`.

    Args:
        descriptor: of the file.
        path: named in the error.
        operation: see `fcntl.flock`.

    Raises:
        UserError: the file system has no locks.
        BlockingIOError: another process holds it, and `operation` is not to wait.
    """
    try:
        fcntl.flock(descriptor, operation)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL):
            raise
        raise UserError(
            f"{path} is on a file system without locks (flock: {error.strerror}); name a place on another one"
        ) from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock that belongs to `path`, without creating `path`; other processes wait.

    Raises:
        UserError: the lock's file, beside `path`, cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    try:
        lock(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def zip_fault(path: Path) -> str | None:
    """Return what is wrong with an archive of plain (stored) records, None = every record is as it was written.

    Reads the whole file and compares each record with the CRC-32 that the archive keeps of it; memory stays bounded.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for record in archive.infolist():
                if record.compress_type != zipfile.ZIP_STORED or record.flag_bits & 1:
                    return f"its record {record.filename!r} is not plain"
            damaged = archive.testzip()
    except (zipfile.BadZipFile, RuntimeError, EOFError, ValueError, struct.error) as error:  # whatever zipfile raises
        return str(error) or type(error).__name__
    return None if damaged is None else f"its record {damaged!r} does not have the checksum it was written with"


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is none, not UTF-8, or nested more deeply than the parser goes.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parse_yaml(text: str) -> Any:
    """Parse YAML, without the tags that make objects.

    Raises:
        ValueError: it is none, nested more deeply than the parser goes, or a value does not fit its tag or its form
            (a date of month 13); the message is one line.
    """
    try:
        return yaml.safe_load(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError) as error:  # the last four from values
        raise ValueError(" ".join(str(error).split())) from error


def digest_file(path: Path) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def digest_bytes(*chunks: bytes) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of the joined chunks."""
    sha = hashlib.sha256()
    for chunk in chunks:
        sha.update(chunk)
    return sha.hexdigest()[:16]


def digest_json(value: object) -> str:
    """Return the digest of a JSON-able value, independent of key order."""
    return digest_bytes(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())

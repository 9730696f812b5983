"""Files that lie elsewhere: each is fetched into a folder of this machine when it is first needed, and kept there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from scalemogen.errors import UserError
from scalemogen.files import digest_bytes, locked, work_folder

SCHEMES = ("s3://", "gs://", "azure://", "hf://", "local:")
"""What an address may begin with; "local:FOLDER" is a folder of a slow disk, read as if it were elsewhere."""

ADDRESS = "address.json"
"""Says in a folder of fetched files where the others are."""


def is_address(text: str) -> bool:
    """Tell whether `text` is an address, not a folder."""
    return text.startswith(SCHEMES)


def is_remote(folder: Path) -> bool:
    """Tell whether files of the folder may have to be fetched."""
    return (folder / ADDRESS).is_file()


def require_litdata() -> None:
    """Raise if litdata is not installed.

    Raises:
        UserError: it is not; names the extra.
    """
    if find_spec("litdata") is None:
        raise UserError("shards are written and fetched by litdata: pip install 'scalemogen[shards]'")


def open_remote(address: str, root: Path, heads: Iterable[str], names: Iterable[str]) -> Path:
    """Return a folder of this machine that holds some files of an address; others are fetched by `fetch_file`.

    Args:
        address: begins with one of `SCHEMES`.
        root: the folder is made in it, or found again while address and heads stay the same.
        heads: names of files that change when anything there does; fetched every time.
        names: of the other files that are needed at once.

    Raises:
        UserError: a file cannot be fetched or written; litdata is not installed.
    """
    address = address.rstrip("/")
    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".heads.", dir=root) as place:
        contents = {name: _download(address, Path(place, name)).read_bytes() for name in heads}
    folder = root / f"shards-{digest_bytes(address.encode(), *contents.values())}"
    with locked(folder):
        if not folder.is_dir():
            with work_folder(folder) as temporary:
                for name, content in contents.items():
                    (temporary / name).write_bytes(content)
                for name in names:
                    _download(address, temporary / name)
                (temporary / ADDRESS).write_text(json.dumps(address), "utf-8")
    return folder


def fetch_file(path: Path) -> None:
    """Fetch a file of a remote folder unless it is there; one process of a machine fetches, the others wait for it.

    Raises:
        UserError: it cannot be fetched or written.
    """
    if path.is_file():
        return
    with locked(path):
        if not path.is_file():
            _download(json.loads((path.parent / ADDRESS).read_text("utf-8")), path)


def _download(address: str, path: Path) -> Path:
    """Fetch a file beside its place and move it there."""
    require_litdata()
    from litdata.streaming.downloader import get_downloader

    with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as place:
        copy = Path(place, path.name)
        try:
            get_downloader(address, place, []).download_file(f"{address}/{path.name}", str(copy))
        except Exception as error:
            raise UserError(f"{address}/{path.name} cannot be fetched: {error}") from error
        if not copy.is_file():  # litdata says nothing of it
            raise UserError(f"{address}/{path.name} cannot be fetched: no such file")
        os.replace(copy, path)
    return path

"""Motion files where they lie: in a folder, or in a zip archive that is never unpacked."""

from __future__ import annotations

import zipfile
from functools import cached_property
from pathlib import Path, PurePosixPath

from scalemogen.errors import UserError
from scalemogen.files import digest_json


class MotionFiles:
    """All files of one suffix under a folder or in a zip archive, but for hidden ones.

    Args:
        source: the folder or the archive.
        suffix: lower case, with its dot.

    Attributes:
        names: relative names with forward slashes, sorted.
        digest: changes when a file is added, removed or edited (archive: by checksum; folder: by size and time).

    Raises:
        UserError: the source is missing, no folder and no zip archive, holds no such file, or one whose name is not
            UTF-8.
    """

    def __init__(self, source: str | Path, suffix: str = ".bvh") -> None:
        self.source = Path(source)
        if not self.source.exists():
            raise UserError(f"{self.source}: no such folder or archive")
        listing = self._list_folder() if self.source.is_dir() else self._list_archive()
        # Archives from a Mac hold a hidden "._NAME" beside every file.
        listing = sorted(
            entry
            for entry in listing
            if entry[0].lower().endswith(suffix) and not PurePosixPath(entry[0]).name.startswith(".")
        )
        if not listing:
            raise UserError(f"{self.source}: holds no {suffix} file")
        self.names = tuple(name for name, *_ in listing)
        if odd := [name for name in self.names if any("\ud800" <= letter <= "\udfff" for letter in name)]:
            raise UserError(f"{self.source}: the name of file {odd[0]!a} is not UTF-8; rename it")
        self.digest = digest_json(listing)

    def _list_folder(self) -> list[tuple[str, int, int]]:
        paths = [path for path in self.source.rglob("*") if path.is_file()]
        stats = [path.stat() for path in paths]
        names = [path.relative_to(self.source).as_posix() for path in paths]
        return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in zip(names, stats, strict=True)]

    def _list_archive(self) -> list[tuple[str, int, int]]:
        return [(info.filename, info.file_size, info.CRC) for info in self._archive.infolist() if not info.is_dir()]

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.source)
        except (OSError, zipfile.BadZipFile) as error:
            raise UserError(f"{self.source}: neither a folder nor a readable zip archive ({error})") from error

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        stems: dict[str, list[str]] = {}
        for name in self.names:
            stems.setdefault(Path(name).stem, []).append(name)
        return stems

    def find(self, name: str) -> str | None:
        """Return the file that a table means: the exact relative name, or the only file of that stem; else None."""
        name = name.replace("\\", "/").removeprefix("./")
        if name in self._name_set:
            return name
        candidates = self._by_stem.get(Path(name).stem, [])
        return candidates[0] if len(candidates) == 1 else None

    def short_name(self, name: str) -> str:
        """Return the stem of a file where no other has it, else its whole path without suffix, joined by "_"."""
        path = PurePosixPath(name)
        return path.stem if len(self._by_stem[path.stem]) == 1 else "_".join(path.with_suffix("").parts)

    @cached_property
    def _name_set(self) -> frozenset[str]:
        return frozenset(self.names)

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            UserError: it cannot be read (damaged archive, missing permission).
        """
        try:
            return (self.source / name).read_bytes() if self.source.is_dir() else self._archive.read(name)
        except (OSError, zipfile.BadZipFile, zipfile.zlib.error, EOFError) as error:  # type: ignore[attr-defined]
            raise UserError(f"{self.source}: {name} cannot be read ({error})") from error

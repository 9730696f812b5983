"""A wheel holds what the source tree holds, and the linked folders have one name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from helpers.source import PACKAGE, ROOT

LINKED = ("data_modules", "callbacks", "experiments", "benchmarks")
SHIPPED = {".py", ".yaml", ".json", ".html", ".js", ".css", ".sbatch", ".sh", ".typed"}


def is_shipped(path: str) -> bool:
    return Path(path).suffix in SHIPPED or Path(path).name == "py.typed"


def files_on_disk() -> set[str]:
    """Return every file of the package that users need, by its name in the wheel."""
    found = set()
    for parent, folders, files in os.walk(PACKAGE, followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__"]
        found |= {Path(parent, name).relative_to(PACKAGE.parent).as_posix() for name in files}
    return {path for path in found if is_shipped(path)}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy, so that no stale `build` folder and no other test is in the way."""
    copy = tmp_path_factory.mktemp("wheel") / "source"
    copy.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("src", *LINKED):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=ignore)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", copy.parent, copy]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = copy.parent.glob("*.whl")
    return built


def test_the_wheel_holds_the_files_on_disk(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("scalemogen/")}
    assert inside == files_on_disk()


def test_the_wheel_names_its_command_and_licence(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    by_name = {Path(name).name: name for name in archive.namelist() if ".dist-info/" in name}
    assert "scalemogen = scalemogen.cli.main:entry" in archive.read(by_name["entry_points.txt"]).decode()
    assert "License-Expression: Apache-2.0" in archive.read(by_name["METADATA"]).decode()
    assert "Apache License" in archive.read(by_name["LICENSE"]).decode()


@pytest.mark.parametrize("name", LINKED)
def test_linked_folders_are_relative_links_to_real_ones(name: str) -> None:
    link = PACKAGE / name
    assert link.is_symlink(), f"{link} is a plain file: this checkout has no symbolic links, which the package needs"
    assert os.readlink(link) == f"../../{name}"
    assert (ROOT / name).is_dir()
    assert not (ROOT / name).is_symlink()


@pytest.mark.parametrize("name", ["data_modules", "callbacks", "benchmarks"])
def test_linked_packages_refuse_other_names(name: str) -> None:
    refused = subprocess.run([sys.executable, "-c", f"import {name}"], cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode != 0
    assert f"scalemogen.{name}" in refused.stderr.splitlines()[-1]


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, scalemogen; print(sorted({'torch', 'lightning', 'numpy', 'wandb'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_public_names_exist() -> None:
    import scalemogen

    for name in scalemogen.__all__:
        assert getattr(scalemogen, name)
    assert dir(scalemogen) == sorted(scalemogen.__all__)
    with pytest.raises(AttributeError, match="'Movement'"):
        scalemogen.Movement  # noqa: B018

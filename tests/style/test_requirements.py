"""What is declared, what is pinned, what is installed and what is imported agree."""

from __future__ import annotations

import configparser
import re
import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from helpers.source import ROOT, report, sources

# Needed without being imported by name: LightningCLI and WandbLogger import them.
INDIRECT = {"jsonargparse", "wandb"}


def read_setup() -> configparser.ConfigParser:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return setup


def parse(lines: str) -> list[Requirement]:
    return [Requirement(line) for line in lines.splitlines() if line and not line.startswith("#")]


SETUP = read_setup()
REQUIRED = parse(SETUP["options"]["install_requires"])
EXTRAS = {name: parse(lines) for name, lines in SETUP["options.extras_require"].items()}
PINS = {
    canonicalize_name(requirement.name): requirement for requirement in parse((ROOT / "constraints.txt").read_text())
}
DECLARED = [*REQUIRED, *(requirement for extra in EXTRAS.values() for requirement in extra)]


@pytest.mark.parametrize("requirement", DECLARED, ids=str)
def test_pins_lie_in_the_declared_ranges(requirement: Requirement) -> None:
    pin = PINS[canonicalize_name(requirement.name)]
    assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), f"{pin} is not one version"
    assert requirement.specifier.contains(str(pin.specifier)[2:], prereleases=True)


def test_installed_versions_are_the_pinned_ones() -> None:
    differing = []
    for name, pin in PINS.items():
        try:
            installed = Version(metadata.version(name)).public
        except metadata.PackageNotFoundError:
            continue
        if not pin.specifier.contains(installed, prereleases=True):
            differing.append(f"{name} is {installed}, pinned {pin.specifier}")
    assert not differing, report(differing)


def test_every_pin_but_torch_has_hashes_of_its_version() -> None:
    text = (ROOT / "constraints-hashes.txt").read_text()
    found = dict(re.findall(r"^([\w.-]+)==(\S+) \\\n    --hash=sha256:[0-9a-f]{64}", text, flags=re.MULTILINE))
    hashed = {canonicalize_name(name): version for name, version in found.items()}
    assert hashed == {name: str(pin.specifier)[2:] for name, pin in PINS.items() if name != "torch"}


def test_malicious_lightning_is_excluded_by_name() -> None:
    (lightning,) = [requirement for requirement in REQUIRED if requirement.name == "lightning"]
    assert {"!=2.6.2", "!=2.6.3"} <= {str(part) for part in lightning.specifier}
    assert not lightning.specifier.contains("2.6.2")


def imported_distributions() -> dict[str, str]:
    """Return distribution -> one place that imports it, for every import that is not ours or Python's."""
    homes = metadata.packages_distributions()
    found = {}
    for source in sources():
        for name in source.imports():
            top = name.parts[0]
            if top and top != "scalemogen" and top not in sys.stdlib_module_names:
                for home in homes.get(top, [top])[:1]:
                    found[canonicalize_name(home)] = f"{source.label}:{name.line}"
    return found


def test_every_import_is_declared() -> None:
    declared = {canonicalize_name(requirement.name) for requirement in DECLARED}
    missing = [f"{place}: {name}" for name, place in imported_distributions().items() if name not in declared]
    assert not missing, report(missing)


def test_every_requirement_is_used() -> None:
    used = set(imported_distributions()) | INDIRECT
    idle = [requirement.name for requirement in REQUIRED if canonicalize_name(requirement.name) not in used]
    assert not idle, report(idle)

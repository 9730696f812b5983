"""The documents point at things that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers.source import ROOT, report

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
RECIPE = re.compile(r"\bexperiments/[\w/.-]+\.(?:yaml|sbatch)\b")
TARGET = re.compile(r"\bmake ([a-z][a-z-]+)")


def anchors(page: Path) -> set[str]:
    """Return the names a page's headings can be linked by."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_resolve(page: Path) -> None:
    broken = []
    for link in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken, report(broken)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_recipes_and_targets_exist(page: Path) -> None:
    text = page.read_text()
    known = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL))
    missing = [recipe for recipe in RECIPE.findall(text) if not (ROOT / recipe).exists()]
    missing += [f"make {target}" for target in TARGET.findall(code) if target not in known]
    assert not missing, report(missing)

"""The page of the server in a real browser, as people use it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers.browser import PROGRAM, Browser, browser
from helpers.models import make_model
from helpers.serving import server
from scalemogen.motion import Motion, read_bvh

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")

PATIENCE = 120.0
BLUE = """(() => {
  const canvas = document.querySelector("#panels canvas"), pen = canvas.getContext("2d"), { width, height } = canvas;
  const wanted = getComputedStyle(document.documentElement).getPropertyValue("--left").match(/[0-9a-f]{2}/g);
  const colour = wanted.map((digits) => parseInt(digits, 16)), data = pen.getImageData(0, 0, width, height).data;
  const box = canvas.getBoundingClientRect();
  for (let i = 0; i < width * height; i++)
    if (colour.every((value, band) => data[4 * i + band] === value))
      return [box.x + ((i % width) * box.width) / width, box.y + (Math.floor(i / width) * box.height) / height + 3];
})()"""
"""Where on the page the first pixel of a left limb is."""

TEXTS = "(selector => [...document.querySelectorAll(selector)].map(e => e.textContent))"
MADE = f"{TEXTS}('#made button')"
SAID = "document.querySelector('#status.bad')?.textContent"


@contextmanager
def served(tmp_path: Path) -> Iterator[tuple[Browser, str]]:
    """Open the page of a tiny model; gives the browser and the address."""
    with server(make_model(tmp_path / "model"), tmp_path) as (address, _), browser(tmp_path / "browser") as page:
        page.size(1400, 900)
        page.open(address)
        page.until("document.querySelectorAll('#links a').length")
        page.value("document.querySelector('#seconds').value = 1.6")
        yield page, address


def downloaded(tmp_path: Path, page: Browser) -> Motion:
    """Click on the BVH of the motion that is shown; return what comes."""
    file = tmp_path / "browser" / "downloads" / "motion.bvh"
    file.unlink(missing_ok=True)
    page.click("#links a[data-format=bvh]")
    end = time.monotonic() + PATIENCE
    while not file.is_file():
        assert time.monotonic() < end
        time.sleep(0.05)
    return read_bvh(file)


def panels(page: Browser, count: int) -> None:
    """Wait until so many motions are shown and the page is idle again, without a complaint."""
    page.until(f"document.querySelectorAll('#panels canvas').length === {count}")
    page.until("!document.querySelector('#go').disabled")
    assert page.value("document.querySelector('#status').textContent") == ""


def offered(page: Browser) -> list[str]:
    """Return the fields with names of their own that one sees in the form for changes."""
    return page.value(  # type: ignore[no-any-return]
        "[...document.querySelectorAll('#edit [id]:is(input, select, textarea)')].filter(e => e.checkVisibility())"
        ".map(e => e.id)"
    )


def write(page: Browser, selector: str, text: str) -> None:
    page.value(f"document.querySelector('{selector}').value = ''")
    page.click(selector)
    page.type(text)


def seconds_shown(page: Browser) -> float:
    return float(page.value("parseFloat(document.querySelector('#controls output').value)"))


def test_a_visit(tmp_path: Path) -> None:
    """Type a sentence, wait, move the scrubber, download a BVH, edit by parts and time, compare, reload."""
    with served(tmp_path) as (page, address):
        page.click("#text")
        page.type("a person walks left")
        page.press("Enter")
        panels(page, 1)

        page.value("document.querySelector('#controls input').focus()")
        for _ in range(5):
            page.press("ArrowRight")
        assert 0 < page.until("(t => t > 0 && t)(parseFloat(document.querySelector('#controls output').value))") < 1.6

        assert downloaded(tmp_path, page).frames == 32

        page.click_at(*page.until(BLUE))
        chosen = page.until("document.querySelector('#parts :checked')?.value")
        assert chosen.startswith("left ")
        x, y, width, height = page.place("#range")
        page.drag((x + width - 9, y + height / 2), (x + width * 0.6, y + height / 2))
        page.value("document.querySelector('#first').focus()")
        for _ in range(4):
            page.press("ArrowRight")
        first, last = (page.value(f"Number(document.querySelector('#{name}').value)") for name in ("first", "last"))
        assert first == 4
        assert 14 < last < 24
        write(page, "#edit-text", "a person waves right")
        page.click("#edit-go")
        panels(page, 2)
        assert page.value(f"{TEXTS}('#panels figcaption small:first-child')") == ["before", "after"]
        moved = page.value(
            "[...document.querySelectorAll('#moved tr')].map(r => [...r.children].map(c => c.textContent))"
        )
        assert [row[0] for row in moved if row[1:] != ["0.0", "0.0", ""]] in ([], [chosen])
        assert len(page.value("document.querySelector('#kept').textContent").split(": ")[1].split()) == 3  # scales

        page.size(390, 844)
        assert page.value("document.documentElement.scrollWidth") <= 390
        page.open(address)
        page.until("document.querySelectorAll('#made button').length === 2")
        assert page.complaints == []


def test_sentences_in_a_row_and_a_gap(tmp_path: Path) -> None:
    with served(tmp_path) as (page, _):
        page.click("#text")
        page.type("a person walks")
        for text in ("a person waves", "a person jumps"):
            page.click("#more")
            page.type(text)
        page.value("document.querySelectorAll('.seconds').forEach((field, at) => (field.value = 1 + at / 2))")
        page.click(".line:nth-child(2) .remove")
        page.click("#go")
        panels(page, 1)
        assert page.value(MADE) == ["a person walks / a person jumps3.0 s, seed 0"]
        assert page.value("document.querySelector('#edit-text').value") == ""

        page.click("#ways [value=fill]")
        assert page.value("['first', 'last'].map(name => Number(document.getElementById(name).value))") == [20, 40]
        assert offered(page) == ["edit-text", "first", "last", "edit-seed"]
        write(page, "#edit-text", "a person turns")
        page.press("Enter")
        panels(page, 2)
        assert page.value(MADE) == [
            "a person turnschanged, 3.0 s, seed 0",
            "a person walks / a person jumps3.0 s, seed 0",
        ]

        page.value("['first', 'last'].forEach((name, at) => (document.getElementById(name).value = 60 * at))")
        write(page, "#edit-text", "a person turns")
        page.click("#edit-go")
        assert page.until(SAID).startswith("leave some time to keep")
        assert page.complaints == []


def test_variations_and_going_on(tmp_path: Path) -> None:
    with served(tmp_path) as (page, _):
        page.click("#text")
        page.type("a person walks")
        page.press("Enter")
        panels(page, 1)

        page.click("#ways [value=prolong]")
        assert offered(page) == ["edit-text", "to", "more-seconds", "edit-seed"]
        page.value("document.querySelector('#more-seconds').value = 1")
        page.click("#edit-go")
        panels(page, 2)
        assert page.value(MADE)[0] == "a person walkschanged, 2.6 s, seed 0"
        assert downloaded(tmp_path, page).frames == 52
        page.value("document.querySelector('#to').selectedIndex = 2")  # the first motion
        write(page, "#edit-text", "a person turns")
        page.click("#edit-go")
        panels(page, 2)
        assert page.value(MADE)[0] == "a person turnschanged, 5.2 s, seed 0"
        assert downloaded(tmp_path, page).frames == 52 + 20 + 32

        page.click("#ways [value=vary]")
        write(page, "#edit-text", "a person walks")
        page.click("#edit-go")
        assert page.until(SAID) == "a motion of 5.20 seconds; this model varies at most 1.60"
        assert len(page.complaints) == 1  # the browser's own, of a request that was refused
        page.until("!document.querySelector('#go').disabled")
        page.click("#made li:last-child button")
        page.until("document.querySelectorAll('#panels canvas').length === 1")
        assert offered(page) == ["edit-text", "count", "keep-scales", "edit-seed"]
        page.value(
            "[['count', 3], ['edit-seed', 7]].forEach(([name, value]) => (document.getElementById(name).value = value))"
        )
        page.click("#edit-go")
        panels(page, 2)
        assert page.value(MADE)[:3] == [f"a person walkschanged, 1.6 s, seed {seed}" for seed in (9, 8, 7)]
        assert len(page.complaints) == 1


def test_settings_hold_for_all_that_is_made(tmp_path: Path) -> None:
    """Feet as the model moves them, on demand, in new motions and in changed ones; a setting out of range is shown."""
    with served(tmp_path) as (page, _):
        page.click("#text")
        page.type("a person walks")
        page.click("summary")
        for switched in range(3):  # on, off, on
            page.click("#go")
            page.until(f"document.querySelectorAll('#made button').length === {2 * switched + 1}")
            panels(page, 1)
            page.click("#ways [value=vary]")
            page.value("document.querySelector('#count').value = 1")
            page.click("#edit-go")
            panels(page, 2)
            page.click("#clean")
        made = page.value(
            "Promise.all([...document.querySelectorAll('#made button')].reverse().map(({dataset}) =>"
            " fetch(`api/motions/${dataset.id}/files/csv`).then(answer => answer.text())))"
        )
        on, off, again = made[::2]
        assert on == again != off
        assert len({made[1], made[3]}) == 2
        page.value("document.querySelector('#guidance').value = -1")
        page.click("summary")
        page.click("#edit-go")
        assert page.until(SAID) == "a setting is out of range"
        assert page.value("document.querySelector('details').open && document.activeElement.id") == "guidance"
        assert page.complaints == []


def test_when_things_go_wrong(tmp_path: Path) -> None:
    """A file that is none, a motion the server has forgotten, a server that is gone: a line each, and it goes on."""
    model = make_model(tmp_path / "model")
    with browser(tmp_path / "browser") as page:
        with server(model, tmp_path) as (address, _):
            page.size(1400, 900)
            page.open(address)
            page.until("document.querySelectorAll('#links a').length")
            page.value("document.querySelector('#seconds').value = 1")
            page.value(
                "(() => {const files = new DataTransfer(); files.items.add(new File(['no motion'], 'x.bvh'));"
                " const field = document.querySelector('#file'); field.files = files.files;"
                " field.dispatchEvent(new Event('change', {bubbles: true}))})()"
            )
            assert page.until(SAID).startswith("the file: ")
            page.until("!document.querySelector('#go').disabled")
            page.click("#text")
            page.type("a person walks")
            page.press("Enter")
            panels(page, 1)
            page.value("fetch(document.querySelector('#links a').href.replace(/.files.*/, ''), {method: 'DELETE'})")
            page.click("#edit-go")
            assert page.until(SAID).startswith("no motion of this id")
        page.until("!document.querySelector('#go').disabled")
        page.click("#go")
        assert page.until("document.querySelector('#status').textContent.startsWith('the server does not')")


def test_turning_and_playing_by_keys(tmp_path: Path) -> None:
    picture = "document.querySelector('#panels canvas').toDataURL()"
    with served(tmp_path) as (page, _):
        page.click("#text")
        page.type("a person walks")
        page.press("Enter")
        panels(page, 1)
        page.value("document.activeElement.blur()")
        page.until(f"(window.before = {picture})")
        for key, shift in (("ArrowUp", True), ("+", False), ("ArrowRight", False)):
            page.press(key, shift=shift)
            page.until(f"(now => now !== window.before && (window.before = now))({picture})")
        assert seconds_shown(page) == pytest.approx(0.05)
        page.press(" ")
        page.until("parseFloat(document.querySelector('#controls output').value) > 0.2")


def test_it_is_accessible(tmp_path: Path) -> None:
    """The rules of axe-core: names of controls, contrast, landmarks. In light and in dark."""
    rules = next((path for path in NODE if path.is_file()), None)
    if rules is None:
        pytest.skip("no axe-core: `npm i axe-core`, and set NODE_PATH to its node_modules")
    with served(tmp_path) as (page, _):
        page.value(f"{rules.read_text()};0")
        page.click("#text")
        page.type("a person walks")
        page.press("Enter")
        panels(page, 1)
        page.click("#edit-go")
        panels(page, 2)
        page.click("#more")
        page.click("summary")
        for theme in ("light", "dark"):
            page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
            for way in ("edit", "fill", "prolong", "vary"):
                page.click(f"#ways [value={way}]")
                wrong = page.value(
                    "axe.run().then(({violations}) => violations.map(({id, nodes}) => [id, nodes.map(n => n.html)]))"
                )
                assert wrong == [], (theme, way)


NODE = [Path(folder) / "axe-core" / "axe.min.js" for folder in os.environ.get("NODE_PATH", "").split(os.pathsep)]

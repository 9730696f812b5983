"""A real Chromium, driven over a pipe by its DevTools protocol: no driver program, no port, no package."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "google-chrome", "chromium-browser")
PROGRAM = next((path for name in NAMES if (path := shutil.which(name))), None)
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--mute-audio",
    "--force-prefers-reduced-motion",
    "--remote-debugging-pipe",
]
LAUNCH = """import fcntl, os, sys
ours = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, theirs in zip(ours, (3, 4)):
    os.dup2(end, theirs)
os.execv(sys.argv[3], sys.argv[3:])"""  # Chromium reads descriptor 3 and writes 4
CHUNK = 2**16
PATIENCE = 90.0
KEYS = {"Tab": 9, "Enter": 13, " ": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "+": 107}


class Browser:
    """One page. Everything that it logs as an error, or is refused by its policies, is in `complaints`."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive, self._buffer, self._number = send, receive, b"", 0
        self.complaints: list[str] = []
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Send a command and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            chunk = os.read(self._receive, CHUNK)
            assert chunk, "the browser ended"
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        event: dict[str, Any] = json.loads(message)
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(event["params"]["exceptionDetails"]))
        if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
            self.complaints.append(event["params"]["entry"]["text"])
        return event

    def open(self, address: str) -> None:
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete'")

    def size(self, width: int, height: int) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def value(self, script: str) -> Any:
        """Return what an expression gives."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, script: str) -> Any:
        """Wait until an expression is truthy, and return it."""
        end = time.monotonic() + PATIENCE
        while not (value := self.value(script)):
            assert time.monotonic() < end, f"never true: {script}; the page: {self.value('document.body.innerText')}"
            time.sleep(0.1)
        return value

    def place(self, selector: str) -> tuple[float, float, float, float]:
        """Return x, y, width and height of an element, scrolled into view."""
        box = self.value(
            f"(() => {{const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center',"
            " behavior: 'instant'}); const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]})()"
        )
        return (box[0], box[1], box[2], box[3])

    def mouse(self, kind: str, x: float, y: float, buttons: int = 1) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=buttons, clickCount=1)

    def click_at(self, x: float, y: float) -> None:
        self.mouse("mousePressed", x, y)
        self.mouse("mouseReleased", x, y, 0)

    def click(self, selector: str) -> None:
        x, y, width, height = self.place(selector)
        self.click_at(x + width / 2, y + height / 2)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.mouse("mouseMoved", *start, 0)
        self.mouse("mousePressed", *start)
        for step in range(1, 9):
            share = step / 8
            self.mouse("mouseMoved", *(a + share * (b - a) for a, b in zip(start, end, strict=True)))
        self.mouse("mouseReleased", *end, 0)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def press(self, key: str, shift: bool = False) -> None:
        for kind in ("keyDown", "keyUp"):
            text = {"Enter": "\r", " ": " ", "+": "+"}.get(key, "") if kind == "keyDown" else ""
            code, modifiers = KEYS[key], 8 * shift
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                text=text,
                modifiers=modifiers,
            )

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Run Chromium with a profile of its own in `folder`; downloads go to `folder`/downloads."""
    assert PROGRAM is not None
    to_child, our_send = os.pipe()
    our_receive, from_child = os.pipe()
    downloads, profile = folder / "downloads", folder / "profile"
    downloads.mkdir(parents=True)

    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(to_child), str(from_child), PROGRAM, *FLAGS, f"--user-data-dir={profile}"],
        pass_fds=(to_child, from_child),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
    )
    os.close(to_child)
    os.close(from_child)
    try:
        page = Browser(our_send, our_receive)
        page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        yield page
    finally:
        process.kill()
        process.wait()
        os.close(our_send)
        os.close(our_receive)

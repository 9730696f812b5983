"""Self-contained HTML pages that play motions: one file, no network, opens from a disk."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from scalemogen.export.camera import steady_targets
from scalemogen.export.figure import document_of, figure_of
from scalemogen.export.pyramid import TokenPyramid
from scalemogen.files import atomic_path
from scalemogen.motion.record import Motion


def write_html(motion: Motion, path: Path) -> None:
    """Write a page with one motion, titled by the file's name.

    Raises:
        UserError: the file cannot be written.
    """
    gallery([motion], [""], path, title=path.stem)


def framed(motion: Motion) -> str:
    """Return a page with one motion inside an HTML frame, to be shown within another page."""
    page = html.escape(_page("motion", [viewer_record(motion, "", "")]))
    return f'<iframe srcdoc="{page}" width="100%" height="480" style="border: 0"></iframe>'


def gallery(
    motions: Sequence[Motion],
    captions: Sequence[str],
    path: str | Path,
    titles: Sequence[str] | None = None,
    title: str = "ScaleMoGen",
    tokens: Sequence[TokenPyramid] | None = None,
) -> None:
    """Write a page that plays motions beside each other, on one clock and seen from one side.

    The page turns, zooms, plays, scrubs and changes speed; left limbs are blue, right limbs red. Motions that end
    early keep their last frame until all start again.

    Args:
        motions: at least one.
        captions: the sentence under each motion, plain text.
        path: of the page; appears when complete.
        titles: a small line above each caption, for example "original" and "reconstruction".
        title: of the page.
        tokens: the bits that each motion was decoded from, drawn under it: a band for each scale, coarse to fine, with
            a column for each time cell and a row for each bit of each group of body parts.

    Raises:
        ValueError: no motions, or not as many captions, titles or tokens as motions.
        UserError: the file cannot be written.
    """
    heads = [""] * len(motions) if titles is None else list(titles)
    pyramids = [None] * len(motions) if tokens is None else list(tokens)
    if not motions or {len(captions), len(heads), len(pyramids)} != {len(motions)}:
        raise ValueError(f"a page of {len(motions)} motions, {len(captions)} captions, {len(heads)} titles")
    records = [viewer_record(*item) for item in zip(motions, captions, heads, pyramids, strict=True)]
    page = _page(title, records)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def viewer_record(motion: Motion, caption: str, title: str, tokens: TokenPyramid | None = None) -> dict[str, Any]:
    """Return what viewer.js calls a motion, as plain values."""
    figure = figure_of(motion)
    points = np.concatenate([figure.positions, figure.heads, figure.facing, steady_targets(figure)[:, None]], axis=1)
    encoded = base64.b64encode(points.astype("<f4").tobytes()).decode("ascii")
    scales = [] if tokens is None else tokens.to_document()
    return {"title": title, "caption": caption, **document_of(figure), "points": encoded, "scales": scales}


def viewer_file(name: str) -> str:
    """Return a file of the viewer: page.html, viewer.css or viewer.js."""
    return resources.files("scalemogen.export").joinpath("viewer", name).read_text(encoding="utf-8")


def _page(title: str, records: list[dict[str, Any]]) -> str:
    template, style, script = (viewer_file(name) for name in ("page.html", "viewer.css", "viewer.js"))
    # "<" could end the script element that holds the text.
    motions = json.dumps(records, allow_nan=False).replace("<", "\\u003c")
    values = {"title": html.escape(title), "style": style, "script": script, "motions": motions}
    return re.sub(r"\{(title|style|script|motions)\}", lambda name: values[name[1]], template)

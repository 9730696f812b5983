"""A result as one self-contained HTML page: tables, plots, and motions to play side by side."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scalemogen.evaluation.columns import COLUMNS, EMBEDDING
from scalemogen.evaluation.examples import Example
from scalemogen.evaluation.plots import Series, dots, histogram, lines
from scalemogen.evaluation.preservation import CURVES
from scalemogen.evaluation.report_markdown import (
    TABLES,
    about_split,
    cautions,
    definition,
    group_table,
    memorisation_note,
    origin_table,
    retrieval_note,
    row_table,
    scale_table,
    summary,
)
from scalemogen.export import gallery
from scalemogen.motion import Motion

STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; color: #22262e; max-width: 1180px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em } h2 { margin-top: 2em; border-bottom: 2px solid #dfe3ea } h3 { margin: 1.4em 0 .4em }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; display: block; overflow-x: auto }
td, th { padding: 3px 10px; border-bottom: 1px solid #dfe3ea; text-align: left; font-weight: 400 }
td { white-space: nowrap } thead th { color: #5a6270 } code { font-size: 12px }
iframe { width: 100%; border: 1px solid #dfe3ea; height: 620px }
.plots { display: flex; flex-wrap: wrap; gap: 12px } .origin td { white-space: normal; overflow-wrap: anywhere }
"""


def page(result: Mapping[str, Any], examples: Mapping[str, Sequence[Example]]) -> str:
    """Return the report of a result.

    Args:
        result: complete.
        examples: motions of each split.
    """
    title = f"Evaluation of {result['model']['path']}"
    parts = [f"<h1>{html.escape(title)}</h1>", _paragraph(summary(result))]
    for name, split in result["splits"].items():
        parts.append(f"<h2>Split {html.escape(name)}: {split['clips']} clips</h2>")
        parts += [_paragraph(about_split(split)), *_tables(split), *_notes(split)]
        for label, groups in split["breakdown"].items():
            parts += [f"<h3>By {html.escape(label)}</h3>", _group_plot(label, groups), table_of(group_table(groups))]
        maps = result["model"]["maps"]
        parts += ["<h3>Scale by scale</h3>", _scale_plots(maps, split), table_of(scale_table(maps, split))]
        if examples.get(name):
            parts += ["<h3>Motions</h3>", _motions(examples[name])]
    parts += ["<h2>How the numbers came about</h2>", f'<div class="origin">{table_of(origin_table(result))}</div>']
    parts.append(_paragraph(f"Intervals: {definition(result)}."))
    return document(title, parts)


def document(title: str, parts: Sequence[str]) -> str:
    """Return a page of its own."""
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _tables(split: Mapping[str, Any]) -> list[str]:
    parts = []
    for title, columns in TABLES.items():
        table = row_table(split, columns)
        if table:
            parts += [f"<h3>{html.escape(title)}</h3>", table_of(table)]
            meanings = "; ".join(f"{column.title}: {column.meaning}" for column in columns.values())
            parts.append(_paragraph(f"{meanings}."))
            parts += [_paragraph(text) for text in cautions(split)] if columns is EMBEDDING else []
    return parts


def _notes(split: Mapping[str, Any]) -> list[str]:
    parts = ["<h3>The evaluator itself</h3>", _paragraph(retrieval_note(split["retrieval"]))]
    found = split["memorisation"]
    if found is not None:
        parts += ["<h3>Copies of training clips</h3>", _paragraph(memorisation_note(found))]
        there = {name.replace("_", " "): values for name, values in found["shares"].items() if values}
        if there:
            title, axis = "training clip with most bits in common", "share of bits in common"
            parts.append(histogram(there, title, axis, marker=found["threshold"]))
    return parts


def _group_plot(label: str, groups: Mapping[str, Any]) -> str:
    key = "recognised" if any("recognised" in group.get("real", {}) for group in groups.values()) else "matching_score"
    title = "share whose nearest training clip shows it" if key == "recognised" else COLUMNS[key].title
    rows = [name for name in next(iter(groups.values())) if name != "clips"]
    series = {
        row: [
            (group[row][key]["mean"], group[row][key]["interval"]) if key in group[row] else None
            for group in groups.values()
        ]
        for row in rows
    }
    return dots(list(groups), series, f"{label}: {title}")


def _scale_plots(maps: Sequence[Sequence[int]], split: Mapping[str, Any]) -> str:
    places = [str(k + 1) for k in range(len(maps))]
    kept = split["preservation"]
    plots = [
        lines([Series("reconstruction", kept[name]["mean"], kept[name]["interval"])], title, "scales decoded", places)
        for name, title in CURVES.items()
    ]
    usage = [Series(row, values["entropy"]) for row, values in split["tokens"].items()]
    plots.append(lines(usage, "entropy of a bit", "scale", places))
    return f'<div class="plots">{"".join(plots)}</div>'


def _motions(examples: Sequence[Example]) -> str:
    """Return the viewer with all motions of all examples."""
    motions, captions, titles = [], [], []
    for example in examples:
        for row, motion in example.motions.items():
            motions.append(motion)
            captions.append(example.caption)
            titles.append(row)
    return viewer_frame(motions, captions, titles, "Same sentences, not chosen by eye")


def viewer_frame(motions: Sequence[Motion], captions: Sequence[str], titles: Sequence[str], title: str) -> str:
    """Return the viewer with some motions as a page within the page; see `gallery`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "motions.html"
        gallery(motions, captions, path, titles=titles, title=title)
        inner = path.read_text(encoding="utf-8")
    return f'<iframe srcdoc="{html.escape(inner, quote=True)}"></iframe>'


def table_of(table: Sequence[Sequence[str]]) -> str:
    """Return a table; its first row is the head."""
    head, *body = table
    rows = "".join(f"<tr>{''.join(f'<td>{html.escape(text)}</td>' for text in row)}</tr>" for row in body)
    titles = "".join(f"<th>{html.escape(text)}</th>" for text in head)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>"


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"

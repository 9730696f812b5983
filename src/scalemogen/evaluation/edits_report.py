"""What edits of held-out clips kept and moved, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scalemogen.evaluation.report_markdown import as_markdown

METHOD = (
    "Displacement is the mean of a part's joints over frames, then over clips, in centimetres, seen from the body. Bits"
    " kept: mean over scales, among tokens that reach into what may change. Posture: how far the joints that may change"
    " are, by their mean places in the frames that may change, from their mean places in as many motions generated from"
    " the sentence, in centimetres, before and after the edit. Raw is the decoder's output; composed, it is put into"
    " the given motion. Feet are not cleaned."
)


def edits_report(result: Mapping[str, Any]) -> str:
    """Return a result as Markdown."""
    rows, data, run = result["rows"], result["data"], result["run"]
    seconds = [f"{frames / data['fps']:.1f}" for frames in result["frames"]]
    about = (
        f"{result['clips']} clips of {data['name']}, split {result['split']}, {seconds[0]} to {seconds[1]} seconds,"
        f' each edited to "{result["text"]}" with its own caption as source text. {METHOD}'
    )
    masked = [line for row in rows if row["region"] != "everything" for line in _lines(result, row)]
    free = [line for row in rows if row["region"] == "everything" for line in _lines(result, row)]
    columns = ["bits kept", *rows[0]["moved_cm"], "posture before", "after"]
    return (
        "\n\n".join(
            [
                "# What edits keep and move",
                about,
                as_markdown([["what may change", "output", *columns], *masked]),
                " ".join(statements(result)),
                "Everything may change, from the first scale on (γ = 0); a bit does where the sentence makes it less"
                " probable by more than τ:",
                as_markdown([["τ", *columns], *(line[:1] + line[2:] for line in free)]),
                f"Model {result['model']['path']}, {_pairs(result['model']['digests'])}; data {data['digest']};"
                f" scalemogen {run['version']}, commit {run['commit'] or 'unknown'}: `{run['command']}`",
            ]
        )
        + "\n"
    )


def statements(result: Mapping[str, Any]) -> list[str]:
    """Return how far moved what was not to move, at most, by output."""
    said = []
    for composed, output in ((True, "composed"), (False, "raw")):
        rows = [row for row in result["rows"] if row["composed"] == composed]
        parts = [
            (value, name)
            for row in rows
            if row["region"] == "parts"
            for name, value in row["moved_cm"].items()
            if name not in row["may_change"]
        ]
        frames = [(value, name) for row in rows for name, value in (row["moved_cm_in_other_frames"] or {}).items()]
        found = [
            f"in {what} that were not to change {max(values)[0]:.2f} cm ({max(values)[1]})"
            for what, values in (("parts", parts), ("frames", frames))
            if values
        ]
        if found:
            said.append(f"Largest mean displacement, {output}: {', '.join(found)}.")
    return said


def _lines(result: Mapping[str, Any], row: Mapping[str, Any]) -> list[list[str]]:
    """Return the lines of one setting: two where some frames may change and others not."""
    output = "composed" if row["composed"] else "raw"
    kept = f"{sum(row['kept_bits']) / len(row['kept_bits']):.0%}"
    gaps = [f"{row['posture_cm'][when]:.1f}" for when in ("before", "after")]
    others = row["moved_cm_in_other_frames"]
    title = _title(result, row)
    lines = [[title, output, kept, *_moved(row["moved_cm"]), *gaps]]
    if others is not None:
        lines.append([f"{title}: frames outside it", output, kept, *_moved(others), "–", "–"])
    return lines


def _title(result: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    if row["region"] == "nothing":
        return "nothing (what the tokenizer loses)"
    if row["region"] == "everything":
        return f"{row['tau']:g}"
    what = ", ".join(result["parts"]) if row["region"] == "parts" else row["region"]
    return f"{what}, `{row['strength']}`" + ("" if row["source_text"] else ", source text unknown")


def _moved(values: Mapping[str, float]) -> list[str]:
    return [f"{value:.1f}" for value in values.values()]


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())

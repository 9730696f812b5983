"""A result as a Markdown document: tables, and what they depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scalemogen.evaluation.columns import ATTRIBUTES, COLUMNS, EMBEDDING, ERRORS, PLAUSIBILITY, Column
from scalemogen.evaluation.intervals import written

TABLES: Mapping[str, Mapping[str, Column]] = {
    "Text and distribution": EMBEDDING,
    "Plausibility": PLAUSIBILITY,
    "Reconstruction error": ERRORS,
    "What the sentences say": ATTRIBUTES,
}
HALVED = ("fid", "kid")
"""What compares sets of motions."""
GROUP_COLUMNS = ("r1", "r3", "matching_score")


def markdown(result: Mapping[str, Any]) -> str:
    """Return the report of a result."""
    sections = [f"# Evaluation of {result['model']['path']}", summary(result)]
    for name, split in result["splits"].items():
        sections += [f"## Split {name}: {split['clips']} clips", about_split(split)]
        for title, columns in TABLES.items():
            table = row_table(split, columns)
            if table:
                sections += [f"### {title}", as_markdown(table)]
                sections += cautions(split) if columns is EMBEDDING else []
        sections += ["### The evaluator itself", retrieval_note(split["retrieval"])]
        if split["memorisation"] is not None:
            sections += ["### Copies of training clips", memorisation_note(split["memorisation"])]
        for label, groups in split["breakdown"].items():
            sections += [f"### By {label}", as_markdown(group_table(groups))]
        sections += ["### Scale by scale", as_markdown(scale_table(result["model"]["maps"], split))]
    sections += [
        "## How the numbers came about",
        as_markdown(origin_table(result)),
        f"Intervals: {definition(result)}.",
    ]
    return "\n\n".join(sections) + "\n"


def summary(result: Mapping[str, Any]) -> str:
    """Return one paragraph on what was measured with what."""
    model, protocol, evaluator = result["model"], result["protocol"], result["evaluator"]
    seen = "the data it was trained on" if model["trained_on"]["digest"] == result["data"]["digest"] else "other data"
    alone = "" if model["stage"] == "ar" else " The model is a tokenizer alone: there is no row of generated motions."
    return (
        f"Protocol {protocol['name']}, pools of {protocol['pool']}, evaluator {evaluator['name']}"
        f" ({evaluator['digest']}), {result['settings']['repeats']} repeats, seed {result['settings']['seed']};"
        f" data {result['data']['name']} ({seen}).{alone}"
    )


def about_split(split: Mapping[str, Any]) -> str:
    """Return what was left out of a split, and how many pairs its figures rest on."""
    left = split["left_out"]
    reasons = {"short": "too short", "long": "too long", "silent": "without a caption"}
    gone = [f"{left[key]} {words}" for key, words in reasons.items() if left[key]]
    return (
        f"Left out: {', '.join(gone) if gone else 'none'}. Cut to {split['cut_to_frames']} frames: {left['cut']} clips."
        f" Diversity: {split['diversity_pairs']} pairs of motions."
        + (f" MModality: {split['multimodality_texts']} sentences." if split["multimodality_texts"] else "")
    )


def cautions(split: Mapping[str, Any]) -> list[str]:
    """Return what a reader must not take for good news, or for a number that can be compared with others."""
    clips, width, rows = split["clips"], split["embedding_width"], split["rows"]
    said = []
    if clips <= width:
        said.append(
            f"FID rests on {clips} clips in {width} dimensions: it is too high, by an amount that depends on the number"
            " of clips. KID does not."
        )
    real, made = rows["real"], rows.get("generated", {})
    above = [
        COLUMNS[name].title
        for name in ("r1", "r2", "r3", "matching_score")
        if name in made and made[name]["mean"] - real[name]["mean"] > _room(made[name], real[name])
    ]
    if above:
        said.append(
            f"{', '.join(above)} of generated motions above that of real ones does not mean better than real: the"
            " evaluator prefers what is typical, which strong guidance gives. Read it beside FID and plausibility."
        )
    return said


def _room(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    return float(((one["interval"] or 0.0) ** 2 + (other["interval"] or 0.0) ** 2) ** 0.5)


def row_table(split: Mapping[str, Any], columns: Mapping[str, Column]) -> list[list[str]]:
    """Return head and body of a split's figures; [] where no row has any of the columns.

    FID and KID of real motions say so where they compare one half of them with the other, not all as in other rows.
    """
    rows = split["rows"]
    there = [name for name in columns if any(name in row for row in rows.values())]
    if not there:
        return []
    shown = {name: row for name, row in rows.items() if any(key in row for key in there)}
    head = ["motions", *(columns[name].heading for name in there)]
    table = [head, *([row, *(cell(figures, name) for name in there)] for row, figures in shown.items())]
    if split["real_against"] == "halves" and "real" in shown:
        for at, name in enumerate(there, start=1):
            if name in HALVED and name in shown["real"]:
                table[1 + list(shown).index("real")][at] += f" (two halves of {split['clips']})"
    return table


def group_table(groups: Mapping[str, Any]) -> list[list[str]]:
    """Return head and body of a breakdown: rows of the table side by side."""
    rows = [name for name in next(iter(groups.values())) if name != "clips"]
    keys = [key for key in (*GROUP_COLUMNS, "recognised") if any(key in group[rows[0]] for group in groups.values())]
    titles = {"recognised": "nearest training clip shows it"} | {key: COLUMNS[key].title for key in GROUP_COLUMNS}
    head = ["", "clips", *(f"{titles[key]}, {row}" for key in keys for row in rows)]
    body = [
        [name, str(group["clips"]), *(cell(group[row], key, 2) for key in keys for row in rows)]
        for name, group in groups.items()
    ]
    return [head, *body]


def scale_table(maps: Sequence[Sequence[int]], split: Mapping[str, Any]) -> list[list[str]]:
    """Return head and body of what happens at each scale."""
    kept, tokens = split["preservation"], split["tokens"]
    head = ["scales", "map (cells x groups)", "bones mm", "joint angles °", "MPJPE root mm"]
    head += [f"{what}, {row}" for row in tokens for what in ("bits used", "entropy", "mutual information")]
    body = []
    for k, (cells, groups) in enumerate(maps):
        errors = [f"{kept[name]['mean'][k]:.2f}" for name in ("bones_mm", "angles_degrees", "mpjpe_root_mm")]
        usage = [f"{row[name][k]:.3f}" for row in tokens.values() for name in ("used", "entropy", "mutual_information")]
        body.append([str(k + 1), f"{cells} x {groups}", *errors, *usage])
    return [head, *body]


def retrieval_note(retrieval: Mapping[str, Any]) -> str:
    """Return how well the evaluator tells real motions apart."""
    ways = []
    for name, title in (("text_to_motion", "sentence to motion"), ("motion_to_text", "motion to sentence")):
        way = retrieval[name]
        recall = ", ".join(f"R@{key[1:]} {value:.3f}" for key, value in way.items() if key != "median_rank")
        ways.append(f"{title}: {recall}, median rank {way['median_rank']:g}")
    return (
        f"Real motions found among all {retrieval['motions']} of the split ({retrieval['different_captions']} different"
        f" captions; equal ones count alike). {'; '.join(ways)}."
    )


def memorisation_note(found: Mapping[str, Any]) -> str:
    """Return whether generated motions are copies, and whether copies would have been seen."""
    judged, nearer, middle = found["judged"], found["nearer"], found["quantiles"]
    left = sum(found["left_out"].values())
    gone = f" Left out, as no training clip covers them: {left}." if left else ""
    if not judged["generated"] or found["threshold"] is None:
        return f"Nothing to judge: there are no generated or no real motions.{gone}"
    names = {"generated": "generated", "held_out": "clips of this split", "copies": "copies"}
    limit = _percent(found["threshold"])
    medians = ", ".join(f"{title} {_percent(middle[name]['median'])}" for name, title in names.items() if middle[name])
    powerless = " The check has no power here: it does not see half of the copies." if not found["power"] else ""
    return (
        f"Of {judged['generated']} generated motions {_percent(nearer['generated'])} share more of their bits with a"
        f" training clip than 99 % of the {judged['held_out']} clips of this split do ({limit}); of"
        f" {judged['copies']} copies, training clips with {found['changed']:.0%} of their bits turned,"
        f" {_percent(nearer['copies'])} do.{powerless} Medians: {medians}.{gone}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def origin_table(result: Mapping[str, Any]) -> list[list[str]]:
    """Return what the numbers depend on."""
    model, data, evaluator, run = (result[name] for name in ("model", "data", "evaluator", "run"))
    rows = [
        ["model", f"{model['path']}; {_pairs(model['digests'])}"],
        ["checkpoint", _pairs(model["provenance"]) or "unknown"],
        ["trained on", f"{model['trained_on']['name']}; {_pairs(model['trained_on']['splits'])}"],
        ["data", f"{data['name']}; {_pairs({name: data['splits'][name] for name in result['splits']})}"],
        ["licence of the data", data["licence"]],
        ["evaluator", f"{evaluator['path']}; {evaluator['name']} {evaluator['digest']}, {evaluator['distance']}"],
        ["protocol", _pairs(result["protocol"])],
        ["settings", _pairs(result["settings"])],
        ["code", f"scalemogen {run['version']}, commit {run['commit'] or 'unknown'}"],
        ["libraries", f"python {run['python']}, {_pairs(run['libraries'])}"],
        ["machine", f"{run['device']}; {run['precision']}; {run['processes']} processes of {run['threads']} threads"],
        ["made", f"{run['created']} in {run['seconds']:.0f} s by `{run['command']}`"],
    ]
    return [["", ""], *rows]


def definition(result: Mapping[str, Any]) -> str:
    """Return what an interval is."""
    return f"{result['interval']['definition']}; n = {result['interval']['n']}"


def cell(figures: Mapping[str, Any], name: str, digits: int | None = None) -> str:
    """Return a figure as a cell, "–" where there is none."""
    return written(figures.get(name), COLUMNS[name].digits if digits is None else digits)


def as_markdown(table: Sequence[Sequence[str]]) -> str:
    """Return an aligned table."""
    safe = [[text.replace("|", "\\|") for text in row] for row in table]
    widths = [max(3, *(len(row[column]) for row in safe)) for column in range(len(safe[0]))]
    lines = [safe[0], ["-" * width for width in widths], *safe[1:]]
    return "\n".join(
        f"| {' | '.join(text.ljust(width) for text, width in zip(row, widths, strict=True))} |" for row in lines
    )


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())

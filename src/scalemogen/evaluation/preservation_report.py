"""What the curves of several tokenizers say: at equal numbers of tokens, after all of them, as text and as a plot."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from scalemogen.evaluation.plots import Series, board, spent
from scalemogen.evaluation.preservation import CURVES
from scalemogen.evaluation.report_markdown import as_markdown
from scalemogen.evaluation.student import SIGNIFICANT, welch

METHOD = (
    "Clips are reconstructed from the first scale, the first two, ..., all, and compared with the original frame by"
    " frame: lengths of bones, angles between neighbouring bones, joints with the roots aligned. Tokens are counted on"
    " the longest motion. Beyond chance: Welch's t-test between the training seeds of two tokenizers, two-sided,"
    f" {SIGNIFICANT:g}; one comparison in {1 / SIGNIFICANT:.0f} is beyond it by chance."
)


def preservation_report(result: Mapping[str, Any], picture: str) -> str:
    """Return a result as Markdown; `picture` is the name of the plot's file."""
    data, names = result["data"], list(result["tokenizers"])
    parts = ["# Is the skeleton preserved?", f"{METHOD} Intervals: {result['interval']}. Data: {data['name']}."]
    parts += [as_markdown(_tokenizers(result)), f"![Deviation over tokens spent]({picture})"]
    for split, content in result["splits"].items():
        for part, found in content.items():
            parts += [f"## {split}, {part}: {found['clips']} clips", as_markdown(budget_table(result, split, part))]
            parts += [f"- {text}" for name in names[1:] for text in statements(result, split, part, names[0], name)]
    run = result["run"]
    parts.append(f"scalemogen {run['version']}, commit {run['commit'] or 'unknown'}: `{run['command']}`")
    return "\n\n".join(parts) + "\n"


def preservation_plot(result: Mapping[str, Any]) -> str:
    """Return the curves of all tokenizers over the tokens spent, a row of plots for each part of each split, as SVG."""
    rows = []
    for split, content in result["splits"].items():
        for part, found in content.items():
            plots = []
            for key, title in CURVES.items():
                series = [
                    Series(name, curves[key]["mean"], curves[key]["interval"], result["tokenizers"][name]["tokens"])
                    for name, curves in found["curves"].items()
                ]
                plots.append(spent(series, f"{split}, {part}: {title}", "tokens spent on the longest motion"))
            rows.append(plots)
    return board(rows)


def budget_table(result: Mapping[str, Any], split: str, part: str) -> list[list[str]]:
    """Return head and body: every number of tokens after which a tokenizer has finished a scale, and what all reach."""
    tokenizers, curves = result["tokenizers"], result["splits"][split][part]["curves"]
    head = ["tokens", *(f"scales, {name}" for name in tokenizers)]
    head += [f"{title}, {name}" for title in CURVES.values() for name in tokenizers]
    body = []
    for budget in sorted({count for tokenizer in tokenizers.values() for count in tokenizer["tokens"]}):
        done = {name: scales_within(tokenizer["tokens"], budget) for name, tokenizer in tokenizers.items()}
        line = [str(budget), *(str(scales) for scales in done.values())]
        for key in CURVES:
            line += [_written(curves[name][key], scales) for name, scales in done.items()]
        body.append(line)
    return [head, *body]


def scales_within(tokens: Sequence[int], budget: int) -> int:
    """Return how many scales a number of tokens buys; `tokens` are those of the first, the first two, ..., all."""
    return bisect_right(tokens, budget)


def statements(result: Mapping[str, Any], split: str, part: str, first: str, second: str) -> list[str]:
    """Return what the numbers say of two tokenizers: after all scales, and at equal numbers of tokens."""
    curves = result["splits"][split][part]["curves"]
    tokens = [result["tokenizers"][name]["tokens"] for name in (first, second)]
    low, high = max(count[0] for count in tokens), min(count[-1] for count in tokens)
    budgets = sorted({count for some in tokens for count in some if low <= count <= high})
    said = []
    for key, title in CURVES.items():
        mine, theirs = curves[first][key], curves[second][key]
        lower, clearly = {first: 0, second: 0}, {first: 0, second: 0}
        for budget in budgets:
            at = [scales_within(some, budget) - 1 for some in tokens]
            winner = first if mine["mean"][at[0]] <= theirs["mean"][at[1]] else second
            lower[winner] += 1
            clearly[winner] += bool(_test(mine, theirs, at[0], at[1]).exceeds)
        ends = [f"{_written(one, len(one['mean']))} ({name})" for name, one in ((first, mine), (second, theirs))]
        text = f"{title[0].upper()}{title[1:]}: after all scales {' and '.join(ends)}, {_verdict(mine, theirs)}."
        if budgets:
            several = min(len(mine["seeds"]), len(theirs["seeds"])) > 1
            counts = [
                f"{name} is lower at {lower[name]}" + (f" ({clearly[name]} beyond chance)" if several else "")
                for name in (first, second)
            ]
            text += f" At equal tokens, {len(budgets)} numbers from {low} to {high}: {', '.join(counts)}."
        said.append(text)
    return said


def _verdict(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    test = _test(mine, theirs, -1, -1)
    if test.p is None:
        return "one training each, so that chance cannot be told from difference"
    return f"{'a difference' if test.exceeds else 'no difference'} beyond chance (p = {test.p:.2g})"


def _test(mine: Mapping[str, Any], theirs: Mapping[str, Any], at: int, other: int) -> Any:
    return welch([seed[at] for seed in mine["seeds"]], [seed[other] for seed in theirs["seeds"]])


def _written(curve: Mapping[str, Any], scales: int) -> str:
    """Return the deviation after some scales as a cell, "–" before the first."""
    if not scales:
        return "–"
    return f"{curve['mean'][scales - 1]:.2f} ± {curve['interval'][scales - 1]:.2f}"


def _tokenizers(result: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for name, tokenizer in result["tokenizers"].items():
        maps = ", ".join(f"{cells} x {groups}" for cells, groups in tokenizer["maps"])
        models = tokenizer["models"]
        digests = ", ".join(model["digests"]["tokenizer"] for model in models)
        rows.append([name, maps, str(tokenizer["tokens"][-1]), str(tokenizer["bits"]), f"{len(models)}: {digests}"])
    return [["tokenizer", "maps (cells x groups)", "tokens", "bits a token", "trainings and digests"], *rows]

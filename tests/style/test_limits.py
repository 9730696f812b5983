"""How long, how wide and how loud the code may be."""

from __future__ import annotations

import ast

from helpers.source import ROOT, Source, report, sources

FILE_LINES = 500
FUNCTION_LINES = 80
CONSTRUCTOR_KEYWORDS = 12
# More than the rule: the reference has no places, and a recipe must be able to switch them off; where latents are kept;
# a small model pays for its feed-forward width first; how blocks are executed, which the tokenizer too must be told.
MORE_KEYWORDS = {"ARTask": 16, "TokenizerTask": 13}
EVERYTHING = (*sources(), *sources(ROOT / "tests"))


def constructors(source: Source) -> list[tuple[str, ast.FunctionDef]]:
    """Return (class, `__init__`) of every class that writes its own."""
    return [
        (node.name, item)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
        for item in node.body
        if isinstance(item, ast.FunctionDef) and item.name == "__init__"
    ]


def test_files_fit_in_the_head() -> None:
    long = [f"{source.path}: {count} lines" for source in EVERYTHING if (count := source.text.count("\n")) > FILE_LINES]
    assert not long, report(long)


def test_functions_fit_on_a_screen() -> None:
    long = [
        f"{source.path}:{function.lineno}: {function.name} has {count} lines"
        for source in EVERYTHING
        for function in source.functions()
        if (count := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES
    ]
    assert not long, report(long)


def test_constructors_take_few_typed_keywords() -> None:
    found = []
    for source in sources():
        for name, init in constructors(source):
            arguments = [*init.args.posonlyargs, *init.args.args, *init.args.kwonlyargs][1:]
            place = f"{source.label}:{init.lineno}: {name}"
            if len(arguments) > MORE_KEYWORDS.get(name, CONSTRUCTOR_KEYWORDS):
                found.append(f"{place} takes {len(arguments)} arguments")
            if init.args.kwarg is not None:
                found.append(f"{place} swallows **{init.args.kwarg.arg}")
    assert not found, report(found)


def test_only_the_command_line_prints() -> None:
    found = [
        f"{source.label}:{call.lineno}: {name}"
        for source in sources()
        if source.room != "cli"
        for name, call in source.calls()
        if name in {"print", "sys.stdout.write", "sys.exit", "exit"} and source.room != "__main__"
    ]
    assert not found, report(found)


def test_no_exception_is_swallowed_whole() -> None:
    found = [
        f"{source.path}:{node.lineno}"
        for source in EVERYTHING
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert not found, report(["bare except:", *found])


# Reads published pickles by an unpickler that refuses every name not listed, so that nothing can be called.
PLAIN_PICKLES = {"pickles.py"}


def test_loading_runs_no_pickled_code() -> None:
    found = []
    for source in sources():
        pickles = {"pickle", "cPickle", "dill", "joblib", "shelve", "cloudpickle"}
        found += [
            f"{source.label}:{name.line}: import {name.name}"
            for name in source.imports()
            if name.parts[0] in pickles and source.label not in PLAIN_PICKLES
        ]
        for name, call in source.calls():
            keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            if name in ("pickle.load", "pickle.loads"):
                found.append(f"{source.label}:{call.lineno}: {name}")
            if name.endswith("torch.load") and keywords.get("weights_only") != "True":
                found.append(f"{source.label}:{call.lineno}: torch.load without weights_only=True")
            if name.endswith(("np.load", "numpy.load")) and keywords.get("allow_pickle", "False") != "False":
                found.append(f"{source.label}:{call.lineno}: np.load with allow_pickle")
    assert not found, report(found)


def test_randomness_comes_from_generators() -> None:
    """Global streams depend on what ran before; only the command line may seed one for a whole run."""
    streams = {"torch.manual_seed", "torch.random.manual_seed", "random.seed", "np.random.seed", "numpy.random.seed"}
    found = [
        f"{source.label}:{call.lineno}: {name}"
        for source in sources()
        if source.room != "cli"
        for name, call in source.calls()
        if name in streams
    ]
    found += [
        f"{source.label}:{name.line}: import random"
        for source in sources()
        for name in source.imports()
        if name.parts[0] == "random"
    ]
    assert not found, report(found)


def test_the_import_path_is_left_alone() -> None:
    found = [f"{source.path}" for source in sources() if "sys.path" in source.text]
    assert not found, report(found)

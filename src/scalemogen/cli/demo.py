"""`scalemogen demo`: both stages on embedded data, then sentences to motions and a page to open."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import yaml

from scalemogen.cli.parser import Parser
from scalemogen.cli.stages import main as run_stage
from scalemogen.data_modules import Synthetic
from scalemogen.errors import UserError
from scalemogen.export import contact_sheet, gallery
from scalemogen.files import atomic_path
from scalemogen.pipeline import TextToMotion
from scalemogen.synthetic.checks import check

SENTENCES = (
    ("a person walks forward", 4.0),
    ("a person runs forward fast", 3.0),
    ("a person is turning ninety degrees to the left", 3.0),
    ("someone waves with the right hand", 4.0),
    ("a person raises both arms", 3.0),
    ("a person jumps up twice", 4.0),
    ("a man squats once", 3.0),
    ("a person delivers one punch with the left arm", 2.5),
    ("someone kicks forward with the right leg", 2.5),
    ("a person is taking one bow", 3.0),
)
CHECKED = 60


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = Parser(
        prog="scalemogen demo",
        description="Train both stages on embedded synthetic motion (about ten minutes on 2 CPU cores) and generate.",
        epilog="example: scalemogen demo --out runs/demo",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder of results (default runs/demo)")
    parser.add_argument("--data", default="data", help="folder of motion stores (default data)")
    parser.add_argument("--seed", type=int, default=0, help="seed of training and sampling (default 0)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Train, generate, check, and print the path of the page last."""
    out: Path = args.out
    if out.is_file():
        raise UserError(f"{out} is a file; name a folder")
    started = time.perf_counter()
    folders = {stage: out / stage for stage in ("tokenizer", "ar")}
    common = ["--data.init_args.root", args.data, "--seed_everything", str(args.seed)]
    for number, (stage, folder) in enumerate(folders.items(), 1):
        print(f"\n[{number}/3] stage {number}, {stage}: {_purpose(stage)}")
        chosen = ["--model.tokenizer", str(folders["tokenizer"] / "model")] if stage == "ar" else []
        run_stage(stage, ["fit", "--config", str(recipe(stage)), "--run", str(folder), *common, *chosen])
    trained = time.perf_counter() - started

    print("\n[3/3] sentences to motions")
    folder = out / "model"
    with atomic_path(folder) as temporary:
        shutil.copytree(folders["ar"] / "model", temporary)
    model = TextToMotion.from_pretrained(folder)
    texts, seconds = [text for text, _ in SENTENCES], [length for _, length in SENTENCES]
    motions = model.generate(texts, seconds=seconds, seed=args.seed)
    gallery(motions, texts, out / "demo.html", title="ScaleMoGen demo")
    contact_sheet(motions, texts, out / "demo.png")
    motions[0].save(out / "walk.bvh")
    figures = {"training_seconds": round(trained, 1), **check_sentences(model, args.data, args.seed)}
    with atomic_path(out / "demo.json") as temporary:
        temporary.write_text(json.dumps(figures, indent=1))
    print(f"trained in {trained / 60:.1f} minutes; of {figures['sentences']} unseen sentences, checked by program:")
    print(f"  {figures['facts_share']:.0%} of their facts hold (action, side, direction, count, speed)")
    print(f"model:   {folder}   try: scalemogen generate --model {folder} --text 'a person bows' --out bow.mp4")
    print(f"picture: {out / 'demo.png'}")
    print(f"page:    {out / 'demo.html'}")
    return 0


def _purpose(stage: str) -> str:
    return "motion to bits and back" if stage == "tokenizer" else "sentences to bits, coarse to fine"


def recipe(stage: str) -> Path:
    """Return the demo's recipe of a stage; it ships inside the package."""
    return Path(str(resources.files("scalemogen") / "experiments" / stage / "demo.yaml"))


def check_sentences(model: TextToMotion, root: str, seed: int) -> dict[str, float]:
    """Generate motions for captions of the test split and check each against its sentence's attributes.

    Returns:
        "sentences" checked, the share whose facts all hold, and the share of all facts.
    """
    options = yaml.safe_load(recipe("ar").read_text())["data"]["init_args"]
    store = Synthetic(**{**options, "root": root}).store
    clips = [int(clip) for clip in store.indices("test") if store.lengths[clip] <= model.max_frames][:CHECKED]
    texts = [store.captions(clip)[0] for clip in clips]
    frames = [int(store.lengths[clip]) for clip in clips]
    motions = model.generate(texts, frames=frames, seed=seed)
    facts = [check(motion, store.attributes(clip)) for motion, clip in zip(motions, clips, strict=True)]
    return summary(facts)


def summary(facts: Sequence[dict[str, bool]]) -> dict[str, float]:
    """Return the number of sentences, the share whose facts all hold, and the share of all facts."""
    values = [value for checked in facts for value in checked.values()]
    return {
        "sentences": len(facts),
        "sentences_share": sum(all(checked.values()) for checked in facts) / len(facts),
        "facts_share": sum(values) / len(values),
    }

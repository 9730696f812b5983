"""`scalemogen demo`: all stages on embedded data, a measured result, and sentences turned into motions on a page."""

from __future__ import annotations

import argparse
import shutil
import time
from importlib import resources
from pathlib import Path

import yaml

from scalemogen.cli import evaluate
from scalemogen.cli.arguments.evaluate import build_parser as evaluation_parser
from scalemogen.cli.stages import main as run_stage
from scalemogen.data_modules import Loading, Synthetic
from scalemogen.errors import UserError
from scalemogen.export import contact_sheet, gallery
from scalemogen.files import atomic_path
from scalemogen.pipeline import TextToMotion

SENTENCES = (
    ("a person walks forward", 4.0),
    ("a person runs forward fast", 3.0),
    ("a person is turning ninety degrees to the left", 2.4),
    ("someone waves with the right hand", 4.0),
    ("a person lifts both arms up over the head", 3.0),
    ("a person jumps up twice", 4.0),
    ("a man squats once", 3.0),
    ("a person punches with the left fist", 3.0),
    ("someone kicks forward with the right leg", 3.0),
    ("a person is taking one bow", 3.0),
)
MEASURE = ("--split=test", "--repeats=1", "--no-multimodality")
STAGES = {
    "tokenizer": "motion to bits and back",
    "ar": "sentences to bits, coarse to fine",
    "evaluator": "motions and sentences in one space, to judge by",
}


def run(args: argparse.Namespace) -> int:
    """Train, generate, measure, and print the path of the page last."""
    from scalemogen.cli.run_folder import holds_run

    out: Path = args.out
    if out.is_file():
        raise UserError(f"{out} is a file; name a folder")
    started = time.perf_counter()
    steps = len(STAGES) + 1
    for number, (stage, purpose) in enumerate(STAGES.items(), 1):
        print(f"\n[{number}/{steps}] stage {number}, {stage}: {purpose}")
        options = ["--data.init_args.root", args.data, "--seed_everything", str(args.seed), "--run", str(out / stage)]
        if stage == "ar":
            options += ["--model.tokenizer", str(out / "tokenizer" / "model")]
            options += ["--model.latents", str(Path(args.data) / "latents")]
        if holds_run(out / stage):  # of an earlier demo
            shutil.rmtree(out / stage)
        run_stage(stage, ["fit", "--config", str(recipe(stage)), *options])
    trained = time.perf_counter() - started

    print(f"\n[{steps}/{steps}] sentences to motions")
    folder = out / "model"
    with atomic_path(folder) as temporary:
        shutil.copytree(out / "ar" / "model", temporary)
    model = TextToMotion.from_pretrained(folder)
    texts, seconds = [text for text, _ in SENTENCES], [length for _, length in SENTENCES]
    motions = model.generate(texts, seconds=seconds, seed=args.seed)
    gallery(motions, texts, out / "demo.html", title="ScaleMoGen demo")
    contact_sheet(motions, texts, out / "demo.png")
    motions[0].save(out / "walk.bvh")
    data = store_path(args.data)
    subject = [f"--model={folder}", f"--data={data}", f"--evaluator={out / 'evaluator' / 'model'}"]
    options = [*subject, *MEASURE, f"--out={out / 'evaluation'}"]
    evaluate.run(evaluation_parser().parse_args(options))
    print(f"trained in {trained / 60:.1f} minutes, done in {(time.perf_counter() - started) / 60:.1f}")
    print(f"model:   {folder}   try: scalemogen generate --model {folder} --text 'a person bows' --out bow.mp4")
    print(f"picture: {out / 'demo.png'}")
    print(f"page:    {out / 'demo.html'}")
    return 0


def recipe(stage: str) -> Path:
    """Return the demo's recipe of a stage; it ships inside the package."""
    return Path(str(resources.files("scalemogen") / "experiments" / stage / "demo.yaml"))


def store_path(root: str) -> Path:
    """Return the folder of the demo's data."""
    options = yaml.safe_load(recipe("ar").read_text())["data"]["init_args"]
    return Synthetic(**{**options, "root": root, "loading": Loading(**options["loading"])}).path

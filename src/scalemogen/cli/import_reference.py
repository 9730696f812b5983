"""`scalemogen import-reference`: released files of the reference implementation to a model folder."""

from __future__ import annotations

import argparse

from scalemogen.errors import UserError
from scalemogen.interop import ReferenceFiles, import_reference


def run(args: argparse.Namespace) -> int:
    """Read, convert, write.

    Raises:
        UserError: see `import_reference`; something that is no model folder stands in the folder's place.
    """
    if args.out.exists() and not (args.out / "model.json").is_file():
        raise UserError(f"{args.out} exists and is no model folder; name another place")
    files = ReferenceFiles(args.tokenizer, args.predictor, args.config, args.mean, args.std)
    import_reference(files, args.t5, args.out)
    print(args.out)
    return 0

"""`egotap <verb> [overrides]`: finds the verb, and turns a user's mistake into one readable message."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from egotap_pl import __version__
from egotap_pl.cli.globs import expand_globs
from egotap_pl.cli.interrupts import interrupts_kept
from egotap_pl.cli.mistakes import end_with, fail

VERBS = {
    "prepare": "source files, or the renderer, to a frame store",
    "train": "every stage that a preset needs and that is not there yet, then the test",
    "evaluate": "metrics of a checkpoint on a split",
    "predict": "poses for stereo images, videos or a frame store",
    "import-weights": "published weights to a checkpoint",
    "export": "a checkpoint's network to an ONNX file",
    "report": "tables, figures and one HTML page of finished runs",
}

USAGE = (
    f"""egotap {__version__}: experiments on stereo egocentric 3D human pose

  egotap <verb> [key=value ...]     {", ".join(VERBS)}

"""
    + "".join(f"  {verb:<16}{what}\n" for verb, what in VERBS.items())
    + """
Each verb is a Hydra application: --help shows its configuration, --cfg job prints it, -m runs a grid.
First steps: egotap train experiment=quickstart
"""
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a verb; ends the process with status 0, or with one message and a status that is not 0."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(USAGE)
        sys.exit(0 if arguments else 2)
    verb, *overrides = arguments
    if verb not in VERBS:
        fail(f"egotap has no verb {verb!r}; there are: {', '.join(VERBS)}", 2)
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra then raises instead of printing
    # Threads that wait for each other spin a little, then sleep. Spinning for long, OpenMP's default, is several times
    # slower beside other jobs (experiments/benchmarks/README.md). Read when torch is imported, which only verbs do.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    try:
        sys.argv = [f"egotap {verb}", *expand_globs(overrides)]
        with interrupts_kept():
            importlib.import_module(f"egotap_pl.cli.{verb.replace('-', '_')}").main()
    except KeyboardInterrupt:
        fail("interrupted; the same command goes on from here", 130)
    except Exception as error:
        end_with(error)

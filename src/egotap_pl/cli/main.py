"""`egotap <verb> [overrides]`: runs the verb, and turns a user's mistake into one readable message."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from egotap_pl import __version__
from egotap_pl.cli.application import run_verb
from egotap_pl.cli.configuration.literals import quote_literals
from egotap_pl.cli.configuration.words import named, options_first
from egotap_pl.cli.grids.globs import expand_globs
from egotap_pl.cli.interrupts import resend_interrupts
from egotap_pl.cli.mistakes import end_with, fail, in_group
from egotap_pl.core.messages import hush
from egotap_pl.core.processors import set_thread_defaults
from egotap_pl.core.started_group import started_group
from egotap_pl.core.stopping import TO_BE_CONTINUED, Stopped, ended_by_signals

VERBS = {
    "prepare": "read or render a data set into frame stores",
    "show": "draw frames of prepared data with their labels, to check them by eye",
    "train": "run every stage of an experiment that has not been run yet, then the test",
    "evaluate": "test a checkpoint on a split of a data set",
    "predict": "estimate poses for stereo images, videos or a frame store",
    "import-weights": "turn published weights into a checkpoint",
    "benchmark": "measure what the networks of a checkpoint or an experiment cost",
    "export": "write a checkpoint's network as an ONNX file",
    "report": "make tables, figures and an HTML page of finished runs",
    "view": "show a run, predictions, poses or a frame store in the browser",
    "doctor": "say what this installation has and lacks",
}

GROUP_VERBS = ("train", "evaluate")
"""Verbs that several processes, started by torchrun or srun, run together."""

USAGE = (
    f"""egotap {__version__}: experiments on stereo egocentric 3D human pose

  egotap <verb> [key=value ...]     {", ".join(VERBS)}

"""
    + "".join(f"  {verb:<16}{what}\n" for verb, what in VERBS.items())
    + """
Each verb is a Hydra application: --help describes its configuration, --cfg job prints it, -m runs a grid.
First steps: egotap train experiment=quickstart
"""
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a verb. A mistake ends the process with one message and a status other than 0.

    Args:
        argv: the verb and its overrides; None: those of the command line.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(USAGE)
        sys.exit(0 if arguments else 2)
    if arguments[0] in ("-V", "--version"):
        sys.stdout.write(f"egotap {__version__}\n")
        sys.exit(0)
    verb, *overrides = arguments
    if verb not in VERBS:
        fail(f"unknown verb {verb!r}: must be one of: {', '.join(VERBS)}", 2)
    group = started_group() if verb in GROUP_VERBS else None
    in_group(group is not None and group.size > 1)
    hush(group is not None and group.rank > 0)
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra then raises instead of printing
    set_thread_defaults(os.environ)  # read when torch is imported, which only verbs do
    # Silences what torch's profiler says about itself. Also read at import.
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")
    try:
        sys.argv = [f"egotap {verb}", *quote_literals(expand_globs(options_first(named(verb, overrides))))]
        with resend_interrupts(), ended_by_signals() if verb == "train" else nullcontext():
            run_verb(verb.replace("-", "_"))
    except KeyboardInterrupt:
        fail("interrupted; run the same command to resume", 130)
    except Stopped as stopped:
        fail(f"ended by {stopped}, to be continued: run the same command again", TO_BE_CONTINUED)
    except Exception as error:
        end_with(error)

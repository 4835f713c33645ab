"""`egotap <verb> [overrides]`: finds the verb, and turns a user's mistake into one readable message."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from egotap_pl import __version__
from egotap_pl.cli.globs import expand_globs
from egotap_pl.core.errors import EgotapError

VERBS = {
    "prepare": "source files, or the renderer, to a frame store",
    "train": "every stage that a preset needs and that is not there yet, then the test",
    "evaluate": "metrics of a checkpoint on a split",
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
        _fail(f"egotap has no verb {verb!r}; there are: {', '.join(VERBS)}", 2)
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra then raises instead of printing, and `_report` speaks
    try:
        sys.argv = [f"egotap {verb}", *expand_globs(overrides)]
        importlib.import_module(f"egotap_pl.cli.{verb}").main()
    except KeyboardInterrupt:
        _fail("interrupted; the same command goes on from here", 130)
    except Exception as error:
        message = readable(error)
        if message is None:
            raise
        _fail(message, 1)


def readable(error: BaseException) -> str | None:
    """The message for a user's mistake; None for what is a defect of the program and deserves its traceback."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    for link in chain:
        if isinstance(link, EgotapError):
            return str(link)
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        messages = [str(link).strip() for link in chain]
        kept = [text for k, text in enumerate(messages) if text and not any(text in m for m in messages[:k])]
        return "\n".join(kept)
    return None


def _fail(message: str, status: int) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"egotap: {message}\n")
    sys.exit(status)

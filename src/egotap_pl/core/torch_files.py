"""Why a file of torch cannot be read."""

from __future__ import annotations

import re

_GLOBAL = re.compile(r"\bGLOBAL ([\w.]+)")


def reason_of(error: BaseException) -> str:
    """The first line of an error of `torch.load`, without its advice on how to run what a file contains.

    >>> reason_of(ValueError("Weights only load failed. ... you have two options ... GLOBAL os.system was not"))
    'it contains os.system, not only tensors and plain values'
    >>> reason_of(EOFError())
    'it ends too early'
    """
    text = str(error)
    if "Weights only load failed" in text:
        match = _GLOBAL.search(text)
        return f"it contains {match[1] if match else 'something else'}, not only tensors and plain values"
    return next(iter(text.splitlines()), "it ends too early")

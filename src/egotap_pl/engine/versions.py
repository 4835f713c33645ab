"""The versions of everything that a result may depend on."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path

import torch

import egotap_pl

PACKAGES = ("torch", "lightning", "torchmetrics", "hydra-core", "omegaconf", "numpy", "scipy", "h5py", "pillow")
"""Packages that results or files depend on."""


def versions() -> dict[str, str | None]:
    """Versions of this package, Python, the packages that it computes with, CUDA, and the kind of processor.

    Examples:
        >>> versions()["egotap_pl"] == egotap_pl.__version__
        True
    """
    return {
        "egotap_pl": egotap_pl.__version__,
        "commit": commit(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
        "cuda": torch.version.cuda,
        "cudnn": str(torch.backends.cudnn.version()) if torch.version.cuda else None,
        "processor": f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
        "system": platform.platform(),
    }


def commit() -> str | None:
    """The commit of the checkout that the program runs from, followed by + if files differ; None outside a checkout."""
    package = Path(egotap_pl.__file__).parent
    if not (package.parents[1] / "pyproject.toml").is_file():
        return None  # an installed wheel may lie inside somebody else's repository
    git = ["git", "-C", str(package)]
    try:
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        dirty = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")

"""What an installation has and lacks: versions, processors, devices, disks, prepared data, runs, extras."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from egotap_pl import __version__
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.preparation.workers import usable_cpus
from egotap_pl.data.source import SPLITS
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.runs.folders import ENTRY
from egotap_pl.engine.settings import Paths
from egotap_pl.engine.stages import is_done
from egotap_pl.engine.versions import PACKAGES

_GIB = 2**30
_FOR_USERS = ("baselines", "wandb", "tensorboard", "mlflow", "slurm", "onnx", "sweep", "video", "mocap")
_LITTLE_GIB = 5
_ESTIMATORS = ("joint-estimator", "limb-estimator", "shared-estimator")


class Finding(NamedTuple):
    """A line of the examination."""

    topic: str
    """What was examined."""

    text: str
    """What was found."""

    advice: str = ""
    """What to do about it; empty if all is well."""


def examine(paths: Paths) -> Iterator[Finding]:
    """Examine the installation, and the folders that commands here would use.

    Args:
        paths: the configured folders.
    """
    yield Finding("egotap", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    yield Finding("packages", ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES))
    yield from _extras()
    yield Finding("processors", f"{usable_cpus()} of {os.cpu_count()}, torch uses {torch.get_num_threads()} threads")
    if memory := _memory_gib():
        yield Finding("memory", f"{memory:.1f} GiB")
    yield _devices()
    for folder in dict.fromkeys((paths.data, paths.stages, paths.runs)):
        yield _disk(folder)
    yield from _data(paths.data)
    yield from _stages(paths.stages)
    yield from _runs(paths.runs)


def _extras() -> Iterator[Finding]:
    packages = defaultdict(list)
    for requirement in importlib.metadata.requires("egotap-pl") or []:
        match = re.match(r"(?P<name>[\w.-]+).*;\s*extra == ['\"](?P<extra>\w+)['\"]", requirement)
        if match and match["extra"] in _FOR_USERS:
            packages[match["extra"]].append(match["name"])
    lacking = {extra: missing for extra, names in packages.items() if (missing := [n for n in names if not _has(n)])}
    yield Finding("extras", ", ".join(extra for extra in packages if extra not in lacking) or "none")
    for extra, names in lacking.items():
        yield Finding("extras", f"{extra}: not installed ({', '.join(names)})", f"pip install 'egotap-pl[{extra}]'")


def _has(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _memory_gib() -> float | None:
    names = getattr(os, "sysconf_names", {})
    if not {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= names.keys():
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB


def _devices() -> Finding:
    if torch.cuda.is_available():
        cards = [torch.cuda.get_device_properties(k) for k in range(torch.cuda.device_count())]
        names = ", ".join(f"{card.name} ({card.total_memory / _GIB:.0f} GiB)" for card in cards)
        return Finding("devices", f"cpu; {names}; CUDA {torch.version.cuda}")
    if torch.backends.mps.is_available():
        return Finding("devices", "cpu; Apple GPU (mps)")
    if torch.version.cuda is None:
        return Finding("devices", "cpu; this torch is built without CUDA")
    return Finding("devices", f"cpu; torch is built for CUDA {torch.version.cuda} and finds no GPU", "run nvidia-smi")


def _disk(folder: Path) -> Finding:
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(existing).free / _GIB
    text = f"{folder}: {free:.1f} GiB free"
    if not os.access(existing, os.W_OK | os.X_OK):
        return Finding("disk", f"{text}, not writable", f"give write access to {existing}, or set other paths")
    return Finding("disk", text, "" if free > _LITTLE_GIB else "make room, or set paths.work and paths.runs elsewhere")


def _data(root: Path) -> Iterator[Finding]:
    for folder in sorted(path for path in root.glob("*") if path.is_dir() and not path.name.startswith(".")):
        yield _prepared(folder)


def _prepared(folder: Path) -> Finding:
    frames, damaged = [], []
    for split in SPLITS:
        path = store_path(folder, split)
        if not path.is_file():
            continue
        try:
            store = FrameStore(path)
            frames.append(f"{split} {len(store)}")
            store.close()
        except EgotapError as error:
            damaged.append(str(error))
    text = f"{folder.name}: {', '.join(frames) or 'no complete split'}"
    return Finding("data", text, "; ".join(damaged))


def _stages(root: Path) -> Iterator[Finding]:
    folders = [path for path in root.glob("*") if path.is_dir() and not path.name.startswith(".")]
    for kind in (*_ESTIMATORS, "image-encoder", "heatmaps"):
        own = [path for path in folders if path.name.startswith(f"{kind}-")]
        if own:
            yield Finding("stages", f"{kind}: {sum(map(is_done, own))} of {len(own)} finished")


def _runs(root: Path) -> Iterator[Finding]:
    folders = [path.parent for path in root.rglob(ENTRY)]
    if folders:
        finished = sum(map(is_done, folders))
        rest = "run the same commands again: they resume" if finished < len(folders) else ""
        yield Finding("runs", f"{root}: {finished} of {len(folders)} finished", rest)

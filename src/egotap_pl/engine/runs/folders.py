"""Run folders: runs/<experiment>/<data>/<the user's name, the time, or a short form of a grid job's overrides>."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from egotap_pl.core.atomic import SUFFIX, write_json
from egotap_pl.core.disks import raise_if_disk_fails
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.engine.build import Spec
from egotap_pl.engine.runs.finished import DONE, TRAINED, read_done
from egotap_pl.engine.runs.labels import ASIDE, Command
from egotap_pl.engine.stages import Stage, fingerprint, held
from egotap_pl.engine.versions import versions

ENTRY = "run.json"
"""File in a run's folder with the run's fingerprint, the user's command, and the versions that it began with."""
_ELSEWHERE = (*ASIDE, "experiment=", "data=", "hydra.")
"""Beginnings of overrides that are not in a folder's name."""
_LONGEST, _LONGEST_OF_USER = 60, 200  # bytes of a name; file systems admit 255, and temporary names are longer


def run_stage(title: str, identity: Spec, parent: Path, name: str | None, config: Spec, command: Command) -> Stage:
    """A run as a stage that works in the run's folder.

    Args:
        title: name of the run on the screen.
        identity: everything that determines the run's result.
        parent: runs/<experiment>/<data>.
        name: name for a new folder; None: the time.
        config: the resolved configuration.
        command: the user's command.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with held(parent / ".lock", "runs"):
        folder = find_or_make_run(parent, name, fingerprint(identity), command)
    return Stage(title, identity, folder, folder / ".lock", "config.yaml", config, TRAINED)


def find_or_make_run(parent: Path, name: str | None, fingerprint: str, command: Command | None = None) -> Path:
    """The folder of the run with this fingerprint: that of an earlier run, finished or interrupted, or a new one.

    A run whose run.json is damaged is found by its done.json. If it is not finished, it is named on the screen and
    passed over.

    Args:
        parent: runs/<experiment>/<data>. The caller holds its lock.
        name: name for a new folder; None: the time. A number is added if the name is taken.
        fingerprint: fingerprint of everything that determines the run's result.
        command: the user's command, stored in a new folder's run.json.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for leftover in parent.glob(f".*{SUFFIX}"):
        shutil.rmtree(leftover)
    command = command or Command()
    words = {"choices": dict(command.choices), "overrides": list(command.overrides)}
    if (earlier := runs_by_fingerprint(parent, _say_damaged).get(fingerprint)) is not None:
        if _mark(earlier / ENTRY) is None:
            say(f"{earlier / ENTRY} is missing or damaged; writing it again")
            with suppress(OSError):  # a read-only disk: the run is found all the same
                write_json(earlier / ENTRY, {"fingerprint": fingerprint, **words}, durable=True)
        return earlier
    stem = name or f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    folder, number = parent / stem, 1
    while _is_taken(folder):  # by a run with another configuration
        number += 1
        folder = parent / f"{stem}-{number}"
    if name is not None and number > 1:
        say(f"{parent / stem} is taken, by a run with other settings for example; this one is {folder.name}")
    _create(folder, {"fingerprint": fingerprint, **words, "versions": versions()})
    return folder


def runs_by_fingerprint(parent: Path, on_damaged: Callable[[Path], None] = lambda _: None) -> dict[str, Path]:
    """The folders of the runs in a folder, by the fingerprint of everything that determines a run's result.

    Args:
        parent: runs/<experiment>/<data>.
        on_damaged: called with every run.json that cannot be read; its run is passed over.
    """
    runs: dict[str, Path] = {}
    for folder in sorted({path.parent for name in (ENTRY, DONE) for path in parent.glob(f"*/{name}")}):
        mark = _mark(folder / ENTRY) or (read_done(folder) or {}).get("fingerprint")
        if isinstance(mark, str):
            runs.setdefault(mark, folder)
        else:
            on_damaged(folder / ENTRY)
    return runs


def _mark(entry: Path) -> str | None:
    """The fingerprint in a run.json; None if the file is missing or damaged."""
    try:
        return str(json.loads(entry.read_text(encoding="utf-8"))["fingerprint"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise_if_disk_fails(error, entry)
        return None


def _say_damaged(entry: Path) -> None:
    say(f"{entry} cannot be read: ignoring this run; delete its folder if you do not need it")


def _create(folder: Path, entry: Spec) -> None:
    """Create a folder together with its run.json. If the process is killed, the next run removes what is left."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}{SUFFIX}")
    temporary.mkdir()
    write_json(temporary / ENTRY, entry, durable=True)
    if folder.exists():
        shutil.rmtree(folder)
    temporary.replace(folder)


def _is_taken(folder: Path) -> bool:
    """Whether a file or folder has this name. The empty folder of a process that was killed does not count."""
    if not folder.is_dir():
        return folder.exists()
    return any(not path.name.endswith(SUFFIX) for path in folder.iterdir())


def folder_name(overrides: Sequence[str], swept: Sequence[str] = ()) -> str | None:
    """A short folder name for a job of a grid; None if nothing but the preset and the data is overridden.

    Args:
        overrides: the job's overrides, as typed.
        swept: keys that the grid goes through, if they are known: they come first.

    >>> folder_name(["experiment=table2/cnn", "lifter/encoder=channel_vit", "seed=1"], ["experiment", "seed"])
    'seed-1_encoder-channel_vit'
    >>> folder_name(["training.task.optimizer.lr=1e-3", "trainer=gpu", "~probe"])
    'lr-1e-3_no-probe'
    """
    kept = [word for word in overrides if not word.startswith(_ELSEWHERE)]
    kept.sort(key=lambda word: word.partition("=")[0] not in swept)  # stable
    words = [word for word in map(_short, kept) if word]
    name = "_".join(words)
    if len(name.encode()) <= _LONGEST:
        return name or None
    most = _LONGEST - 9
    while len(words) > 1 and len("_".join(words).encode()) > most:
        words.pop(-1 if swept else 0)  # what a grid goes through is usually typed last
    start = "_".join(words).encode()[:most].decode(errors="ignore")
    return f"{start}-{fingerprint({'name': name})[:8]}"


def _short(override: str) -> str:
    key, _, value = override.partition("=")
    key = f"no-{key[1:]}" if key.startswith("~") else key
    words = (re.split(r"[./@]", key)[-1] if value else key, value)
    return "-".join(re.sub(r"[^\w.-]+", "-", word).strip("-.") for word in words if word)


def check_name(name: str, key: str = "name") -> None:
    """Check that a name can be that of a folder.

    Args:
        name: the name.
        key: the setting that it is the value of.

    Raises:
        EgotapError: if it cannot.
    """
    if any(character in "/\\" or not character.isprintable() for character in name) or name.startswith("."):
        raise EgotapError(f"{key}={name!r}: must be the name of a folder, without / or \\ and not beginning with a dot")
    if (size := len(name.encode())) > _LONGEST_OF_USER:
        raise EgotapError(f"{key}={name[:20]}...: has {size} bytes; use at most {_LONGEST_OF_USER}")

"""`egotap train repeat=RUN`: the configuration of an earlier run, possibly somebody else's, to be run again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from egotap_pl.cli.configuration.conf_dir import conf_dir
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.data.untrusted.readers import read_json
from egotap_pl.engine.build import Spec, current_name
from egotap_pl.engine.checkpoints.allowlist import entries, objection, targets
from egotap_pl.engine.checks.early import on_any_machine
from egotap_pl.engine.devices.trainer_options import determines
from egotap_pl.engine.runs.config import read_run_config
from egotap_pl.engine.runs.folders import ENTRY, check_name
from egotap_pl.engine.runs.labels import Command
from egotap_pl.engine.settings import Settings
from egotap_pl.engine.training import TrainResult

_FREE = re.compile(
    r"\+{0,2}((repeat|trust|name|data\.root|data\.folder|data\.workers|paths\.\w+)=|logger[.=]|trainer=|hydra[./])"
)
"""Beginnings of overrides that a repeated run may have: they do not change its result."""
_OF_TRAINER = re.compile(r"\+{0,2}trainer\.(\w+)")
"""Overrides of single settings of the trainer, of which it may have those that do not change the result."""
_DEVICES = ("accelerator", "devices", "nodes", "workers")
_MAX_JSON = 2**24


def parse(config: Spec, command: Command, on_this_machine: bool = True) -> Settings:
    """The settings of a command: those that were composed, or with ``repeat`` those of an earlier run.

    Args:
        config: the composed configuration of `egotap train`, as plain containers.
        command: the user's command.
        on_this_machine: whether it runs on this machine, whose devices are checked, or on another one.

    Raises:
        EgotapError: see `repeated` and `Settings.parse`.
    """
    config = dict(config)
    repeat, trust = config.pop("repeat"), config.pop("trust")
    if repeat is not None:
        config, command = repeated(Path(repeat), config, command, entries(trust))
    trainer = config["trainer"] if on_this_machine else on_any_machine(config["trainer"])
    return Settings.parse({**config, "trainer": trainer}, command)


def repeated(run: Path, config: Spec, command: Command, trust: Sequence[str]) -> tuple[Spec, Command]:
    """The configuration of an earlier run, with the folders, devices and logger of this command.

    Args:
        run: the earlier run's folder, or a file in it.
        config: this command's configuration, as plain containers.
        command: this command.
        trust: packages whose classes the run may use; see `egotap_pl.engine.checkpoints.allowlist.is_trusted`.

    Returns:
        The configuration to run, and the command that the run was started with.

    Raises:
        EgotapError: if the run's files cannot be read, it names classes that are not trusted, or another override would
            change it.
    """
    folder = _folder(run)
    content = read_run_config(folder / "config.yaml")
    if missing := sorted({"data", "training", "heatmaps", "trainer"} - content.keys()):
        raise EgotapError(f"{folder / 'config.yaml'} is not the configuration of a training: it has no {missing[0]}")
    if changed := [word for word in command.overrides if not _is_free(word)]:
        raise EgotapError(f"repeat={folder} repeats the run as it was: leave out {' '.join(changed)}")
    _check_targets(content, trust, folder)
    kept = {key: config[key] for key in ("paths", "logger", "name")}
    places = {"trainer": _trainer(content, config, command.overrides), "data": _data(content, config)}
    earlier = _entry(folder)
    choices = earlier.get("choices") or {"experiment": _experiment(folder)}
    for part in (*str(choices.get("experiment") or "custom").split("/"), str(places["data"].get("name"))):
        check_name(part)
    return {**content, **kept, **places}, Command(choices, [*earlier.get("overrides", ())], command.grid)


def compare(folder: Path, result: TrainResult) -> None:
    """Say how a repeated run's error differs from that of the first.

    Args:
        folder: what ``repeat`` names.
        result: the repeated run.
    """
    first = _folder(folder)
    if first.resolve() == result.folder.resolve():
        say(f"repeat: {first} is here already; to run it again, give another folder, e.g. paths.runs=again")
        return
    if _entry(first).get("fingerprint") != _entry(result.folder).get("fingerprint"):
        say(f"repeat: what determines {first} is not quite the same here: another version of the data or of egotap_pl")
    try:
        there, here = (read_json(path / "metrics.json", _MAX_JSON)["mpjpe"] for path in (first, result.folder))
        say(f"repeat: MPJPE {float(there):.3f} mm in {first}, {float(here):.3f} mm in {result.folder}")
    except (EgotapError, KeyError, TypeError, ValueError):  # not finished, or a probe
        return


def _folder(run: Path) -> Path:
    """A run's folder, named by itself or by a file in it."""
    folder = run if run.is_dir() else run.parent
    folder = folder.parent if folder.name == "checkpoints" else folder
    if not (folder / "config.yaml").is_file():
        raise EgotapError(f"repeat={run}: must be the folder of a run, with its config.yaml")
    return folder


def _is_free(override: str) -> bool:
    setting = _OF_TRAINER.match(override)
    return bool(_FREE.match(override)) if setting is None else not determines(setting[1])


def _trainer(run: Spec, config: Spec, overrides: Sequence[str]) -> Spec:
    """The run's trainer, with the settings that this command names; ``trainer=...`` names all of the devices."""
    named = [setting[1] for word in overrides if (setting := _OF_TRAINER.match(word))]
    if any(word.lstrip("+").startswith("trainer=") for word in overrides):
        named += _DEVICES
    return {**run["trainer"], **{key: config["trainer"][key] for key in named if key in config["trainer"]}}


def _data(run: Spec, config: Spec) -> Spec:
    """The run's data set, where this command says that it lies."""
    data, here = dict(run["data"]), config["data"]
    for key in ("folder", "workers"):
        data[key] = here[key] if here.get(key) is not None else data.get(key)
    root = here.get("root")
    if root is not None and "root" in data:
        data["root"] = root
        if isinstance(data.get("source"), dict) and "root" in data["source"]:
            data["source"] = {**data["source"], "root": root}
    return data


def _check_targets(run: Spec, trust: Sequence[str], folder: Path) -> None:
    """Refuse classes that neither a preset of this installation names, nor a checkpoint may name."""
    known = set(_targets_of_conf())
    for target in targets({key: value for key, value in run.items() if key != "logger"}):
        name = current_name(target)
        if name not in known and (reason := objection(name, trust)) is not None:
            raise EgotapError(
                f"{folder / 'config.yaml'} names {name[:200]}, which is not in egotap_pl's own configuration, and "
                f"{reason}"
            )


def _targets_of_conf() -> Iterator[str]:
    for path in conf_dir().rglob("*.yaml"):
        yield from re.findall(r"_target_: *['\"]?([\w.]+)", path.read_text(encoding="utf-8"))


def _entry(folder: Path) -> dict[str, Any]:
    """A run's run.json; empty if it is missing or damaged."""
    try:
        entry = read_json(folder / ENTRY, _MAX_JSON)
    except EgotapError:
        return {}
    if not isinstance(entry, dict):
        return {}
    choices, overrides = entry.get("choices"), entry.get("overrides")
    if not isinstance(choices, dict) or not all(isinstance(text, (str, type(None))) for text in choices.values()):
        entry.pop("choices", None)
    if not isinstance(overrides, list) or not all(isinstance(word, str) for word in overrides):
        entry.pop("overrides", None)
    return entry


def _experiment(folder: Path) -> str:
    """The preset's name in runs/<experiment>/<data>/<name>, for runs whose run.json does not say it."""
    parts = folder.resolve().parts[:-2]
    return "/".join(parts[parts.index("runs") + 1 :]) if "runs" in parts else parts[-1]

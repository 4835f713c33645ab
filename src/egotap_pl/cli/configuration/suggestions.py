"""Messages about misspelt keys and options, which name the nearest ones that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import InterpolationKeyError

from egotap_pl.cli.configuration.conf_dir import conf_dir, groups, presets

PRESET_FORM = """a preset's defaults name the group {group} without "override /". A preset has this form:
# @package _global_
defaults:
  - override /{group}: {option}"""

NEEDS_FOLDER = "needs --config-dir FOLDER"
OWN_OPTION = f"one of your own, FOLDER/{{group}}/{{option}}.yaml, {NEEDS_FOLDER}"


def explain(chain: Sequence[BaseException]) -> str | None:
    """The message about a key or an option that does not exist, or an override that is none; None for other errors.

    Args:
        chain: an error of Hydra, followed by its causes.
    """
    for error in chain:
        if isinstance(error, MissingConfigException):
            return _unknown_option(error)
        if isinstance(error, OverrideParseException):
            return (
                f"{error.override}: not an override; each has the form key=value, and a value with spaces or signs is "
                "in quotes: \"key='some words'\""
            )
        if isinstance(error, InterpolationKeyError) and (message := _without_part(error)):
            return message
    match = re.match(r"Could not override '(?P<key>[^']+)'\.(?P<rest>.*)", str(chain[0]), re.DOTALL)
    if match is None or "Did you mean" in match["rest"]:
        return None
    group, _, name = match["key"].rpartition("/")
    if "No match in the defaults list" in match["rest"]:
        if group:
            return f"{match['key']}: there is no {name} to choose; the chosen {group} has none"
        return f"{name}: there is no {name} to choose with this data set" if name in groups() else None
    if group:
        return f"{match['key']}: unknown group{did_you_mean(get_close_matches(match['key'], groups(), n=1))}"
    if match["key"].startswith("trainer.") and (argument := _trainer_argument(match["key"])):
        return argument
    parent = next((node for error in chain if (node := getattr(error, "parent_node", None)) is not None), None)
    return None if parent is None else unknown_key(match["key"], parent._get_root())


def _without_part(error: InterpolationKeyError) -> str | None:
    """The message about an option that takes a part from another group, whose option has no such part."""
    missing = re.match(r"Interpolation key '(?P<group>\w+)\.(?P<part>[\w.]+)' not found", str(error))
    key = str(error.full_key or "")
    group = key.partition(".")[0]
    if missing is None or missing["group"] not in groups() or not (conf_dir() / group / "none.yaml").is_file():
        return None
    return (
        f"{key}: is taken from {missing['group']}.{missing['part']}, and the chosen {missing['group']} has no "
        f"{missing['part']}: give another {missing['group']}, or {group}=none"
    )


def _trainer_argument(key: str) -> str | None:
    """The message about an argument of Lightning's Trainer that conf/trainer does not name."""
    # Imported here: it imports Lightning, which takes seconds.
    from egotap_pl.engine.devices.trainer_options import DEFAULTS

    if key.removeprefix("trainer.") not in DEFAULTS:
        return None
    return f"{key} is an argument of Lightning's Trainer: add it with +{key}=..."


def unknown_key(key: str, config: Any) -> str:
    """The message about a key that a configuration does not have.

    Args:
        key: the key, dotted.
        config: the configuration.
    """
    first = key.partition(".")[0]
    if "." in key and first in groups() and first not in config:
        return f"{key}: choose the {first} first, with {first}=..."
    keys = [name for name in _keys(OmegaConf.to_container(config, resolve=False)) if not name.startswith("hydra.")]
    remedy = did_you_mean(nearest_keys(key, keys))
    if not remedy:
        within = _matching(key, keys)
        names = [name.rpartition(".")[2] for name in _inside(within, keys)] if within else []
        remedy = f"; {within} has: {', '.join(names)}" if names else "; --cfg job prints all keys"
    return f"{key}: unknown key{remedy}"


def nearest_keys(key: str, keys: Sequence[str]) -> list[str]:
    """The keys that a misspelt key may stand for, at most three.

    Args:
        key: the misspelt key, dotted. Without a dot, it may also be the last part of a longer key.
        keys: the keys that exist, dotted.

    >>> nearest_keys("epoch", ["seed", "estimators.joint.epochs", "training.epochs"])
    ['training.epochs', 'estimators.joint.epochs']
    >>> nearest_keys("trainin.epoch", ["training", "training.epochs", "training.seed"])
    ['training.epochs']
    """
    if "." in key:
        within = _matching(key, keys)
        if within.count(".") == key.count("."):
            return [within]
        return [] if within else get_close_matches(key, keys, n=1)
    last_parts = sorted({name.rpartition(".")[2] for name in keys})
    nearest = get_close_matches(key, last_parts, n=1)
    return sorted((name for name in keys if name.rpartition(".")[2] in nearest), key=len)[:3]


def _matching(key: str, keys: Sequence[str]) -> str:
    """The beginning of a dotted key, each part replaced by the nearest that exists, as far as there are such parts."""
    within = ""
    for part in key.split("."):
        inside = {name.rpartition(".")[2]: name for name in _inside(within, keys)}
        nearest = get_close_matches(part, inside, n=1, cutoff=0.5)
        if not nearest:
            break
        within = inside[nearest[0]]
    return within


def _inside(node: str, keys: Sequence[str]) -> list[str]:
    """The keys right under a node; "": at the top."""
    return [name for name in keys if name.rpartition(".")[0] == node]


def did_you_mean(words: Sequence[str]) -> str:
    """The end of a message that suggests words; empty if there are none."""
    listed = " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    return f"; did you mean {listed}?" if words else ""


def _unknown_option(error: MissingConfigException) -> str | None:
    match = re.match(r"(In '[^']+': )?Could not find '(?P<path>[^']+)'", str(error))
    if match is None or "/" not in match["path"]:
        return None
    is_preset = match["path"].startswith("experiment/")
    group, _, name = match["path"].partition("/") if is_preset else match["path"].rpartition("/")
    if is_preset and name.rpartition("/")[0] in groups():
        return PRESET_FORM.format(group=name.rpartition("/")[0], option=name.rpartition("/")[2])
    options = sorted({*(error.options or ()), *(presets() if is_preset else ())})
    if not options:
        return None
    nearest = did_you_mean(get_close_matches(name, options, n=1))
    message = f"{group}={name}: unknown option{nearest}\n{group} must be one of: {', '.join(options)}"
    return message if nearest else f"{message}\n{OWN_OPTION.format(group=group, option=name)}"


def _keys(node: Any, prefix: str = "") -> Iterator[str]:
    """All keys of plain containers, dotted."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield f"{prefix}{name}"
            yield from _keys(value, f"{prefix}{name}.")

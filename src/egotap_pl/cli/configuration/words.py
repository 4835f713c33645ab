"""Words of a command line that Hydra would misread: keys with dashes, and keys and values without an equals sign."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from egotap_pl.cli.configuration.conf_dir import groups, presets
from egotap_pl.core.errors import EgotapError

_OPTIONS = (
    "--cfg",
    "--config-dir",
    "--config-name",
    "--config-path",
    "--help",
    "--hydra-help",
    "--info",
    "--multirun",
    "--package",
    "--resolve",
    "--run",
    "--shell-completion",
    "--version",
)
"""Hydra's options that may be abbreviated. For `_RERUN` that would be confusing: it begins with ``--experiment``."""
_RERUN = "--experimental-rerun"
_WITH_VALUE = ("--cfg", "--config-", "--info", "--package", _RERUN, "-c", "-cd", "-cn", "-cp", "-i", "-p")
"""Beginnings of long options, and short options, that a value may follow."""


def named(verb: str, words: Sequence[str]) -> list[str]:
    """The words of a command line; ``input=`` is added to the first of `egotap view`, the file that it shows.

    >>> named("view", ["poses.h5", "open=false"]), named("train", ["poses.h5"])
    (['input=poses.h5', 'open=false'], ['poses.h5'])
    """
    if verb != "view":
        return list(words)
    place = next((k for k, word in enumerate(words) if not word.startswith("-")), None)
    if place is None or not (_is_bare(words[place]) or Path(words[place]).exists()):
        return list(words)
    return [*words[:place], f"input={words[place]}", *words[place + 1 :]]


def options_first(words: Sequence[str]) -> list[str]:
    """The words of a command line with Hydra's options before the overrides: its parser takes no other order.

    Raises:
        EgotapError: if a word is neither an option of Hydra nor an override; the message names the word, and the
            override that it probably stands for. Also if two options exclude each other.

    >>> options_first(["seed=1", "--config-dir", "my_conf", "lifter/encoder=mine", "-m"])
    ['--config-dir', 'my_conf', '-m', 'seed=1', 'lifter/encoder=mine']
    """
    rest, options, overrides = list(words), [], []
    while rest:
        word = rest.pop(0)
        if word.startswith("-"):
            options.append(word)
            if _takes_value(word, rest) and rest and _is_bare(rest[0]):
                options.append(rest.pop(0))
        elif _is_bare(word) or (word.endswith("=") and rest and _is_bare(rest[0])):
            raise EgotapError(_message(word, rest))
        elif word.lower() == "hydra.job.chdir=true":
            raise EgotapError(
                f"{word}: paths are relative to the folder you start in, and every run has its own; leave it out"
            )
        else:
            overrides.append(word)
    _check_pairs(options)
    return options + overrides


def is_grid(words: Sequence[str]) -> bool:
    """Whether the words ask for a grid, with ``-m`` or ``--multirun``."""
    return any(word == "-m" or (len(word) > 3 and "--multirun".startswith(word)) for word in words)


def _check_pairs(options: Sequence[str]) -> None:
    """Refuse to print the configuration of a grid, which Hydra cannot."""
    printing = [word for word in options if word in ("-c", "-i") or re.match("--(cfg|info)", word)]
    if printing and is_grid(options):
        raise EgotapError(
            f"{printing[0]} prints the configuration of one job: leave out -m, and give every key a single value"
        )


def _takes_value(option: str, rest: Sequence[str]) -> bool:
    """Whether a separate value may follow an option.

    Raises:
        EgotapError: if Hydra has no such option.
    """
    name, equals, value = option.partition("=")
    if not name.startswith("--") or name == _RERUN:
        return not equals and name in _WITH_VALUE
    matches = [full for full in _OPTIONS if full.startswith(name)]
    if not matches:
        value = value or next((word for word in rest[:1] if _is_bare(word)), "...")
        raise EgotapError(f"{name}: unknown option; did you mean {name.lstrip('-')}={value}? Overrides have no dashes")
    return not equals and any(full.startswith(_WITH_VALUE) for full in matches)


def _message(word: str, rest: Sequence[str]) -> str:
    """The message about a word that has no key or no value, followed by the rest of the command line."""
    form = "overrides have the form key=value, e.g. experiment=quickstart"
    key = word.removesuffix("=")
    value = next((part.removeprefix("=") for part in rest[:2] if part != "="), "")
    if key in presets():
        return f"{word}: did you mean experiment={key}? Overrides have the form key=value"
    if value and "=" not in value:
        return f"{word}: did you mean {key}={value}? Overrides have the form key=value, without spaces"
    return f"{word}: a value is missing; {form}" if key in groups() else f"{word}: {form}"


def _is_bare(word: str) -> bool:
    """Whether a word has no equals sign, and is neither an option nor deletes a key."""
    return bool(word) and not word.startswith(("-", "~")) and ("=" not in word or word == "=")

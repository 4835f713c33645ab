"""Words of a command line that Hydra would misread: keys with dashes, and keys and values without an equals sign."""

from __future__ import annotations

from collections.abc import Sequence

from egotap_pl.cli.conf_dir import groups, presets
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


def check_words(words: Sequence[str]) -> None:
    """Check that every word of a command line is an option of Hydra or has the form of an override.

    Raises:
        EgotapError: if one does not; the message names the word, and the override that it probably stands for.
    """
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("-"):
            if _takes_value(word, rest) and rest and _is_bare(rest[0]):
                rest.pop(0)
        elif _is_bare(word) or (word.endswith("=") and rest and _is_bare(rest[0])):
            raise EgotapError(_message(word, rest))


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

"""Finds and composes configuration, and turns Hydra's nodes into plain containers."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from egotap_pl.cli import grid
from egotap_pl.cli.conf_dir import conf_dir
from egotap_pl.cli.literals import quote_literals
from egotap_pl.cli.mistakes import end_with, readable
from egotap_pl.cli.suggestions import unknown_key
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.engine.labels import Command
from egotap_pl.engine.settings import Settings

HYDRA_VERSION = "1.3"


def application(config_name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Decorator that makes a function the Hydra application of conf/<config_name>.yaml.

    A user's mistake ends the program with its message. In a grid the message is printed at once and the other jobs
    run; the program ends with a table of all jobs and the message of the first that failed.
    """

    def decorate(verb: Callable[[DictConfig], Any]) -> Callable[[], None]:
        @functools.wraps(verb)
        def job(config: DictConfig) -> Any:
            try:
                _check_added_keys(config_name)
                value = verb(config)
            except KeyboardInterrupt as interruption:
                grid.record(grid.INTERRUPTED, interruption)
                raise
            except Exception as error:
                if HydraConfig.get().mode != RunMode.MULTIRUN:
                    end_with(error)  # here, since Hydra would print a line of its own before the message
                if (message := readable(error)) is not None:
                    say(f"job {' '.join(HydraConfig.get().overrides.task)}: {message}")
                grid.record(grid.FAILED, error)
                raise
            grid.record(grid.DONE)
            return value

        decorated: Callable[[], None] = hydra.main(
            version_base=HYDRA_VERSION, config_path=str(conf_dir()), config_name=config_name
        )(job)

        def program() -> None:
            try:
                decorated()
            finally:
                grid.collate()

        return program

    return decorate


def _check_added_keys(config_name: str) -> None:
    """Refuse overrides like ``+epochs=3``, which add a key at the top of the configuration: nothing would read it.

    Raises:
        EgotapError: if there is one.
    """
    hydra_config = HydraConfig.get()
    words = list(hydra_config.overrides.task)
    matches = [match for word in words if (match := re.match(r"\+{1,2}(\w+)=", word))]
    keys = {match[1]: match.string for match in matches if match[1] not in hydra_config.runtime.choices}
    if keys:
        with composing():
            config = hydra.compose(config_name, [word for word in words if word not in keys.values()])
        for key, word in keys.items():
            if key not in config:
                raise EgotapError(f"{word}: {unknown_key(key, config)}")


def plain(config: Any) -> Any:
    """A node as plain Python containers, with all interpolations resolved.

    Raises:
        EgotapError: if a mandatory value (``???``) is missing.
    """
    if not OmegaConf.is_config(config):
        return config
    missing = sorted(_missing_keys(OmegaConf.to_container(config, resolve=False)))
    if missing:
        raise EgotapError(f"give a value for {', '.join(missing)}, e.g. {missing[0]}=...")
    return OmegaConf.to_container(config, resolve=True)


def _missing_keys(node: Any, key: str = "") -> Iterator[str]:
    """Keys whose value is ``???``. OmegaConf's own search fails at an interpolation of such a key."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, value in items:
        yield from _missing_keys(value, f"{key}.{name}" if key else str(name))
    if node == "???":
        yield key


def compose(*overrides: str) -> Settings:
    """What `egotap train` would run with these overrides, checked and read-only.

    Args:
        overrides: as on the command line, e.g. ``"experiment=table2/cnn"``, ``"seed=1"``.

    Raises:
        EgotapError: if a key or an option does not exist, or a value is of the wrong kind.

    >>> settings = compose("experiment=table2/cnn", "scale=smoke", "seed=3")
    >>> settings.seed, settings.training.batch_size, settings.data.name, settings.devices.accelerator
    (3, 32, 'egosynth', 'cpu')
    """
    try:
        with composing():
            config = hydra.compose("train", quote_literals(overrides), return_hydra_config=True)
            choices = {str(group): option for group, option in config.hydra.runtime.choices.items()}
            OmegaConf.set_struct(config, False)
            del config["hydra"]
            return Settings.parse(plain(config), Command(choices, overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise EgotapError(readable(error) or str(error)) from error


@contextmanager
def composing() -> Iterator[None]:
    """Prepare `hydra.compose`: use the running program's Hydra, which knows the user's folders, or start a new one."""
    if GlobalHydra.instance().is_initialized():
        yield
    else:
        with hydra.initialize_config_dir(str(conf_dir()), version_base=HYDRA_VERSION):
            yield

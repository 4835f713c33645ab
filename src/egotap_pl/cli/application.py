"""The verbs as applications of Hydra, which composes a verb's configuration and starts it, once or for every job of a
grid.
"""

from __future__ import annotations

import gc
import importlib
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from egotap_pl.cli.configuration.composing import HYDRA_VERSION, composing, conf_dir
from egotap_pl.cli.configuration.suggestions import unknown_key
from egotap_pl.cli.grids import grid
from egotap_pl.cli.mistakes import end_with, readable
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.core.stopping import Stopped


def run_verb(verb: str) -> None:
    """Run a verb with the overrides in `sys.argv`: compose conf/<verb>.yaml and call ``main`` of the verb's module.

    The module is imported only when there is a configuration for it: torch and Lightning take seconds, which --help and
    a misspelt key need not wait for. A user's mistake ends the program with its message. A grid does not begin if it
    has jobs that cannot run (`egotap_pl.cli.grids.job_checks`). If a job fails later, its message is printed at once
    and the other jobs run; the program ends with a table of all jobs and the message of the first that failed.

    Args:
        verb: name of a module in this package and of its configuration, e.g. ``import_weights``.
    """
    job = job_function(verb)
    job.__module__ = f"{__package__}.{verb}"  # Hydra names the program after it
    application: Callable[[], None] = hydra.main(
        version_base=HYDRA_VERSION, config_path=str(conf_dir()), config_name=verb
    )(job)
    try:
        application()
    except (KeyboardInterrupt, Stopped):
        with suppress(Exception):  # modules whose import was interrupted cannot always be imported any more
            grid.collate()
        raise
    finally:
        grid.collate()  # once: it does nothing the second time


def job_function(verb: str, only_shared: bool = False) -> Callable[[DictConfig], Any]:
    """The function that Hydra calls with the configuration of each job.

    Args:
        verb: name of a module in this package.
        only_shared: whether it runs nothing but the stages that jobs share, ``main_shared`` of the module.
    """
    main = "main_shared" if only_shared else "main"

    def job(config: DictConfig) -> Any:
        try:
            check_added_keys(verb)
            value = getattr(module_of(verb), main)(config)
        except (KeyboardInterrupt, Stopped) as interruption:
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

    return job


def module_of(verb: str) -> ModuleType:
    """The module of a verb, imported once and without looking for garbage.

    torch and Lightning make several hundred thousand objects, which stay. Looking for garbage among them, time and
    again while they are imported and later, takes a quarter of the time of a small command.

    Args:
        verb: name of a module in this package.
    """
    name, collects = f"{__package__}.{verb}", gc.isenabled()
    if name in sys.modules:
        return sys.modules[name]
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        if collects:
            gc.enable()


def check_added_keys(config_name: str) -> None:
    """Refuse overrides like ``+epochs=3``, which add a key at the top of the configuration: nothing would read it.

    The overrides are those of the job that Hydra's configuration is of.

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

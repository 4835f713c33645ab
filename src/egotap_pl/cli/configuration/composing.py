"""Finds and composes configuration, and turns Hydra's nodes into plain containers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra import version
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from egotap_pl.cli.configuration.conf_dir import conf_dir
from egotap_pl.cli.configuration.literals import quote_literals
from egotap_pl.cli.configuration.suggestions import NEEDS_FOLDER
from egotap_pl.cli.mistakes import readable
from egotap_pl.core.errors import EgotapError

if TYPE_CHECKING:
    from egotap_pl.engine.settings import Settings

HYDRA_VERSION = "1.3"
_ONE_AT_A_TIME = threading.RLock()
"""Hydra's state belongs to the process: threads that compose wait for each other."""
_OWN_FOLDER = 'give "hydra.searchpath=[FOLDER]"'


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
        overrides: as on the command line, e.g. ``"experiment=table2/cnn"``, ``"seed=1"``. A folder with YAML files of
            your own, ``--config-dir my_conf`` there, is ``"hydra.searchpath=[my_conf]"`` here.

    Raises:
        EgotapError: if a key or an option does not exist, or a value is of the wrong kind.

    >>> settings = compose("experiment=table2/cnn", "scale=smoke", "seed=3")
    >>> settings.seed, settings.training.batch_size, settings.data.name, settings.devices.accelerator
    (3, 32, 'egosynth', 'cpu')
    """
    for override in overrides:
        if not isinstance(override, str):
            raise EgotapError(
                f"compose got a {type(override).__name__}: each override is a string of its own, as in "
                'compose("experiment=quickstart", "seed=1"); for a list of strings, write compose(*words)'
            )
        if override.startswith("--config-dir"):
            raise EgotapError(f"compose takes overrides, no options: instead of {override}, {_OWN_FOLDER}")
    # Imported here: other commands compose without torch, which takes seconds.
    from egotap_pl.cli.configuration.repeating import parse
    from egotap_pl.engine.runs.labels import Command

    try:
        with composing():
            config = hydra.compose("train", quote_literals(overrides), return_hydra_config=True)
            choices = {str(group): option for group, option in config.hydra.runtime.choices.items()}
            OmegaConf.set_struct(config, False)
            del config["hydra"]
            return parse(plain(config), Command(choices, overrides))
    except (HydraException, OmegaConfBaseException) as error:
        message = readable(error) or str(error)
        raise EgotapError(message.replace(NEEDS_FOLDER, f"is found if you {_OWN_FOLDER}")) from error


@contextmanager
def composing() -> Iterator[None]:
    """Prepare `hydra.compose`: use the running command's Hydra, which knows the user's folders, or start a new one.

    A Hydra that the caller's own program or notebook has started is set aside for the block.
    """
    with _ONE_AT_A_TIME:
        running, base = GlobalHydra.instance().hydra, version.getbase()
        if running is not None and _has_our_folder():
            yield
            return
        GlobalHydra.instance().clear()
        try:
            with hydra.initialize_config_dir(str(conf_dir()), version_base=HYDRA_VERSION):
                yield
        finally:
            GlobalHydra.instance().hydra = running
            version.VersionBase.instance().version_base = base


def own_folders() -> list[Path]:
    """The user's configuration folders (--config-dir) of the running command."""
    with composing():
        sources = GlobalHydra.instance().config_loader().get_sources()
    return [Path(source.path) for source in sources if source.provider == "command-line"]


def _has_our_folder() -> bool:
    """Whether the running Hydra reads this program's configuration."""
    sources = GlobalHydra.instance().config_loader().get_sources()
    return any(source.scheme() == "file" and Path(source.path) == conf_dir() for source in sources)

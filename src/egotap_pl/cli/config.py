"""Where configuration is found, and how it leaves Hydra: as plain containers and as objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hydra
from hydra.errors import InstantiationException
from omegaconf import OmegaConf

import egotap_pl
from egotap_pl.core.errors import EgotapError

HYDRA_VERSION = "1.3"


def conf_dir() -> Path:
    """The configuration tree: inside an installed package, or at the top of a checkout.

    Raises:
        EgotapError: if there is neither.
    """
    package = Path(egotap_pl.__file__).parent
    for folder in (package / "conf", package.parents[1] / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise EgotapError(f"no conf/ in {package} or {package.parents[1]}: install egotap-pl again")


def application(config_name: str) -> Any:
    """Decorator: the function becomes the Hydra application of conf/<config_name>.yaml."""
    return hydra.main(version_base=HYDRA_VERSION, config_path=str(conf_dir()), config_name=config_name)


def plain(config: Any) -> Any:
    """A node as plain Python containers, all interpolations resolved.

    Raises:
        EgotapError: if a value that the user must give (``???``) is missing.
    """
    if not OmegaConf.is_config(config):
        return config
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise EgotapError(f"give a value for {', '.join(missing)}, e.g. {missing[0]}=...")
    return OmegaConf.to_container(config, resolve=True)


def build(spec: Any, **arguments: Any) -> Any:
    """Instantiate a plain spec: nested ``_target_`` first, lists and dicts as Python's own.

    Raises:
        EgotapError: if a class does not take what it is given; the message names the class.
    """
    try:
        return hydra.utils.instantiate(spec, **arguments, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, (EgotapError, KeyboardInterrupt)):
            raise cause from error
        where = str(error).splitlines()[0].rstrip(":")
        raise EgotapError(f"{where}: {cause}" if cause is not None else str(error)) from error


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file as plain containers."""
    loaded = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    assert isinstance(loaded, dict)
    return {str(key): value for key, value in loaded.items()}


def write_yaml(path: Path, content: dict[str, Any]) -> None:
    """Write configuration to a file."""
    OmegaConf.save(OmegaConf.create(content), path)

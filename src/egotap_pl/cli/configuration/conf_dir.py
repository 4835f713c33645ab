"""The folder of the configuration, and the names of its files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import egotap_pl
from egotap_pl.core.errors import EgotapError


def conf_dir() -> Path:
    """The folder of the configuration: in an installed package, or at the top of a checkout.

    Raises:
        EgotapError: if neither exists.
    """
    package = Path(egotap_pl.__file__).parent
    for folder in (package / "conf", package.parents[1] / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise EgotapError(f"conf/ is missing in {package} and {package.parents[1]}: install egotap-pl again")


def presets(own_folders: Iterable[Path] = ()) -> list[str]:
    """Names of all presets, sorted, e.g. ``table2/cnn``.

    Args:
        own_folders: the user's configuration folders, besides `conf_dir`.
    """
    folders = [folder / "experiment" for folder in (conf_dir(), *own_folders)]
    return sorted(
        {path.relative_to(folder).with_suffix("").as_posix() for folder in folders for path in folder.rglob("*.yaml")}
    )


def as_option(own_folder: Path) -> str:
    """The option of a command line for a user's configuration folder; below the current folder, its relative path."""
    here = Path.cwd()
    return f"--config-dir={own_folder.relative_to(here) if own_folder.is_relative_to(here) else own_folder}"


def groups() -> list[str]:
    """Names of all configuration groups, sorted, e.g. ``lifter/encoder``."""
    return sorted(path.relative_to(conf_dir()).as_posix() for path in conf_dir().rglob("*") if path.is_dir())

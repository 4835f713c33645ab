"""What many tests make alike is made once in a session: EgoSynth's frames, compositions of presets, parsed YAML."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_MADE: dict[tuple[Any, ...], Any] = {}


def make_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep, in this process, what EgoSynth and the search for a run's presets make, by everything that determines it.

    That the same settings give the same bytes, in any process and order, is shown by tests/data/test_egosynth.py and
    tests/synth, where nothing is kept.
    """
    from hydra.core.global_hydra import GlobalHydra  # imported here, after pytest has set up the shape checks

    from egotap_pl.cli.configuration.presets import Identifier
    from egotap_pl.data.egosynth import EgoSynthSource
    from egotap_pl.synth.motion import ProceduralMotions

    def settings(made_by: Any) -> str:
        return json.dumps(made_by.identity())

    def folders(_: Identifier) -> str:
        hydra = GlobalHydra.instance()
        return str(hydra.config_loader().get_search_path()) if hydra.is_initialized() else ""

    for owner, name, what in (
        (ProceduralMotions, "clip", settings),
        (EgoSynthSource, "read", settings),
        (EgoSynthSource, "sight", settings),
        (Identifier, "_compose", folders),
    ):
        monkeypatch.setattr(owner, name, _once(getattr(owner, name), what))


def _once(method: Callable[..., Any], determining: Callable[[Any], str]) -> Callable[..., Any]:
    def call(self: Any, *arguments: Any) -> Any:
        key = (method.__qualname__, determining(self), *arguments)
        if key not in _MADE:
            _MADE[key] = method(self, *arguments)
        return _MADE[key]

    call.__qualname__ = method.__qualname__
    return call


def parse_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse each file that Hydra reads once, as long as it stays the same: a fifth of the time of composing."""
    from hydra._internal.sources_registry import SourcesRegistry
    from hydra.core.plugins import Plugins

    Plugins.instance()  # fills the registry
    reader = SourcesRegistry.instance().resolve("file")
    load = reader.load_config

    def load_config(self: Any, config_path: str) -> Any:
        path = Path(self.path, self._normalize_file_name(config_path))
        about = path.stat() if path.is_file() else None
        key = ("YAML", self.provider, str(path), about and (about.st_mtime_ns, about.st_size, about.st_ino))
        if key not in _MADE:
            _MADE[key] = pickle.dumps(load(self, config_path))
        return pickle.loads(_MADE[key])  # a copy: Hydra changes it

    monkeypatch.setattr(reader, "load_config", load_config)

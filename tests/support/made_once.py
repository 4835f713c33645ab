"""What many tests make alike is made once in a session: EgoSynth's frames, headers of stores, pictures of runs,
compositions, trial steps, parsed YAML.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_MADE: dict[tuple[Any, ...], Any] = {}


def make_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep, in this process, what EgoSynth and the search for a run's presets make, and the headers of stores, by
    everything that determines them.

    That the same settings give the same bytes, in any process and order, is shown by tests/data/test_egosynth.py and
    tests/synth, where nothing is kept. With its shapes checked, reading a header takes many times as long as without.
    """
    from hydra.core.global_hydra import GlobalHydra  # imported here, after pytest has set up the shape checks

    from egotap_pl.cli.configuration.presets import Identifier
    from egotap_pl.data.egosynth import EgoSynthSource
    from egotap_pl.data.store.schema import StoreHeader
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
    monkeypatch.setattr(StoreHeader, "from_json", staticmethod(cache(StoreHeader.from_json)))


def _once(method: Callable[..., Any], determining: Callable[[Any], str]) -> Callable[..., Any]:
    def call(self: Any, *arguments: Any) -> Any:
        key = (method.__qualname__, determining(self), *arguments)
        if key not in _MADE:
            _MADE[key] = method(self, *arguments)
        return _MADE[key]

    call.__qualname__ = method.__qualname__
    return call


def draw_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw a run's picture of poses once for each kind of frames: drawing takes a fifth of a run's time.

    What it shows of other frames is tested by tests/figures/test_frames_figure.py.
    """
    from egotap_pl.engine.runs import pictures

    draw = pictures.poses_figure

    def poses_figure(frames: Any, skeleton: Any) -> Any:
        kinds = tuple((frame.joint_heatmaps is None, bool(np.isnan(frame.truth_cm).any())) for frame in frames)
        key = ("picture", str(skeleton.to_dict()), kinds)
        if key not in _MADE:
            figure, content = draw(frames, skeleton), io.BytesIO()
            figure.savefig(content, dpi=110, format="png")
            figure.savefig = lambda path, **_: path.write_bytes(content.getvalue())  # type: ignore[method-assign]
            _MADE[key] = figure
        return _MADE[key]

    monkeypatch.setattr(pictures, "poses_figure", poses_figure)


def try_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try the same training once before it begins: with small networks, a trial step takes longer than an epoch.

    A training with a user's own parts, weights to start from or an augmentation is tried each time.
    """
    from egotap_pl.engine.checks import trial

    try_step = trial.try_step

    def first_time(planned: Any, sample: Any, cached: bool) -> None:
        training = planned.training
        task = {key: value for key, value in training.task.items() if key not in ("optimizer", "schedule")}
        parts = (planned.title, task, training.epochs > 0, training.monitor, training.guard, cached)
        key = ("trial", repr(parts), repr(sample.facts), sample.batch.images.shape)
        if trial._own_parts(training) or training.init or training.augment or key not in _MADE:
            try_step(planned, sample, cached)
            _MADE[key] = True

    monkeypatch.setattr(trial, "try_step", first_time)


def parse_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse each file that Hydra reads once, as long as it stays the same, and each interpolation; and leave out the
    choices to interpolate with of lists of defaults that have no interpolation. A third of the time of composing.
    """
    import omegaconf._utils
    import omegaconf.base
    from hydra._internal import defaults_list
    from hydra._internal.sources_registry import SourcesRegistry
    from hydra.core.plugins import Plugins

    Plugins.instance()  # fills the registry
    reader = SourcesRegistry.instance().resolve("file")
    load, choices = reader.load_config, defaults_list._create_interpolation_map

    def load_config(self: Any, config_path: str) -> Any:
        path = Path(self.path, self._normalize_file_name(config_path))
        about = path.stat() if path.is_file() else None
        key = ("YAML", self.provider, str(path), about and (about.st_mtime_ns, about.st_size, about.st_ino))
        if key not in _MADE:
            _MADE[key] = pickle.dumps(load(self, config_path))
        return pickle.loads(_MADE[key])  # a copy: Hydra changes it

    def choices_if_needed(overrides: Any, defaults: list[Any], self_added: bool) -> Any:
        return choices(overrides, defaults, self_added) if any("${" in str(default) for default in defaults) else None

    monkeypatch.setattr(reader, "load_config", load_config)
    monkeypatch.setattr(defaults_list, "_create_interpolation_map", choices_if_needed)
    parse = cache(omegaconf.base.parse)  # its trees are only read
    for module in (omegaconf.base, omegaconf._utils):
        monkeypatch.setattr(module, "parse", parse)


def compose_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep, for each choice of options, the list of its files, and what these make when merged: most of the work of
    composing. Files in a user's own folders may change: what reads them is composed each time.
    """
    from hydra._internal import config_loader_impl
    from hydra._internal.defaults_list import Overrides

    from egotap_pl.cli.configuration.conf_dir import conf_dir

    loader = config_loader_impl.ConfigLoaderImpl
    listed, merged, ours = (
        config_loader_impl.create_defaults_list,
        loader._compose_config_from_defaults_list,
        conf_dir(),
    )

    def kept(key: tuple[Any, ...], repo: Any, make: Callable[[], Any]) -> Any:
        if any(source.scheme() == "file" and Path(source.path) != ours for source in repo.get_sources()):
            return make()
        if key not in _MADE:
            _MADE[key] = pickle.dumps(make())
        return pickle.loads(_MADE[key])  # a copy: Hydra changes it

    def create_defaults_list(repo: Any, config_name: Any, overrides_list: list[Any], *how: bool, **named: bool) -> Any:
        values = Overrides(repo, overrides_list).config_overrides
        choices = tuple(word.input_line for word in overrides_list if not any(word is value for value in values))
        key = ("defaults", config_name, choices, how, tuple(named.items()))
        made = kept(key, repo, lambda: listed(repo, config_name, overrides_list, *how, **named))
        return replace(made, config_overrides=values)

    def compose(self: Any, defaults: list[Any], repo: Any) -> Any:
        return kept(("merged", repr(defaults)), repo, lambda: merged(self, defaults, repo))

    monkeypatch.setattr(config_loader_impl, "create_defaults_list", create_defaults_list)
    monkeypatch.setattr(loader, "_compose_config_from_defaults_list", compose)

"""The stages of an experiment in order: data, estimators, kept heatmaps, lifter, probe. Each runs only if it has to."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from egotap_pl.core.messages import say
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.build import write_yaml
from egotap_pl.engine.checkpoint_files import BEST, FOLDER, PREVIOUS, mend_checkpoints
from egotap_pl.engine.checkpoints import About
from egotap_pl.engine.datasets import ensure_data
from egotap_pl.engine.fit import FitJob, fit
from egotap_pl.engine.heatmap_cache import keep_heatmaps
from egotap_pl.engine.labels import Command, labels_of
from egotap_pl.engine.launch import launch, num_processes
from egotap_pl.engine.run_folders import find_or_make_run
from egotap_pl.engine.stages import Stage, clear_leftovers, fingerprint, held, is_done, mark_done


class Pipeline:
    """An experiment's stages.

    Args:
        settings: the resolved configuration of `egotap train`.
        experiment: name of the preset, which is also the run folder's.
        command: what was asked for, for the labels of a dashboard.
    """

    def __init__(self, settings: dict[str, Any], experiment: str, command: Command | None = None) -> None:
        self.settings, self.experiment, self.command = settings, experiment, command or Command()
        self.trainer: dict[str, Any] = settings["trainer"]
        self.processes = num_processes(self.trainer)
        self.stages = Path(settings["paths"]["stages"])
        self._checkpoints: dict[str, Path] = {}

    @cached_property
    def data(self) -> tuple[Path, str]:
        """Folder and fingerprint of the prepared data."""
        return ensure_data(self.settings["data"], Path(self.settings["paths"]["data"]))

    @property
    def estimator_kinds(self) -> list[str]:
        """The estimators that the lifter's heatmaps come from."""
        kinds: list[str] = self.settings["heatmaps"]["estimators"]
        return kinds

    def estimator(self, kind: str) -> Path:
        """Checkpoint of the estimator of one kind of heatmap (``joint`` or ``limb``)."""
        if kind not in self._checkpoints:
            spec = self._fit_spec(self.settings["estimators"][kind])
            title = f"{kind} estimator"
            stage = Stage(title, spec, self.stages)
            folder = stage.ensure(lambda folder: self._launch(title, spec, folder, None, {}, self.experiment))
            self._checkpoints[kind] = folder / FOLDER / BEST
        return self._checkpoints[kind]

    @cached_property
    def kept_heatmaps(self) -> Path:
        """Folder of the estimated heatmaps of the training and validation splits."""
        store, data = self.data
        spec = {"data": data, "source": self.settings["heatmaps"]["source"], "estimators": self._estimator_specs()}
        stage = Stage("heatmaps", spec, self.stages)
        weights = {kind: self.estimator(kind) for kind in self.estimator_kinds}
        return stage.ensure(lambda folder: keep_heatmaps(spec["source"], weights, store, folder, self.trainer))

    def run(self, name: str | None) -> Path:
        """Train and test the lifter or, where there is a probe, what the probe trains on a finished lifter.

        A probe is one more training, with two keys of its own: ``of``, the preset in whose folder the lifter's run is
        found or else made, or None; and ``parts``, the weights that it takes over from that run's checkpoint.

        Args:
            name: wished name of the run's folder; None: the time.

        Returns:
            The run's folder, an earlier one if the same configuration was run before.
        """
        probe = self.settings["probe"] or None
        if probe is None:
            return self._run(
                "lifter", self.settings, self.experiment, self._run_spec(self.settings["training"]), {}, name
            )
        spec, parts = self._run_spec(probe), {}
        if probe["of"] is not None:
            spec["lifter"] = self._run_spec(self.settings["training"])
            lifter = self._run("lifter", {**self.settings, "probe": {}}, probe["of"], spec["lifter"], {}, None)
            best = lifter / FOLDER / BEST
            parts = {module: (best, prefix) for module, prefix in probe["parts"].items()}
        return self._run(probe["title"], self.settings, self.experiment, spec, parts, name)

    def _run(
        self,
        title: str,
        settings: dict[str, Any],
        experiment: str,
        spec: dict[str, Any],
        parts: dict[str, tuple[Path, str]],
        name: str | None,
    ) -> Path:
        heatmaps = self.kept_heatmaps if spec["heatmaps_kept"] else None
        estimators = {f"heatmaps.{kind}.module": (self.estimator(kind), "estimator") for kind in self.estimator_kinds}
        parent = Path(settings["paths"]["runs"]) / experiment / settings["data"]["name"]
        parent.mkdir(parents=True, exist_ok=True)
        with held(parent / ".lock", "runs"):
            folder = find_or_make_run(parent, name, fingerprint(spec))
        with held(folder / ".lock", str(folder)):
            if is_done(folder):
                say(f"{title}: already there, {folder}")
                return folder
            clear_leftovers(folder)
            write_yaml(folder / "config.yaml", settings)
            self._launch(title, spec, folder, heatmaps, {**estimators, **parts}, experiment)
            mark_done(folder, spec)
        return folder

    def _fit_spec(self, node: dict[str, Any]) -> dict[str, Any]:
        return {**node, "data": self.data[1], "precision": self.trainer["precision"]}

    def _run_spec(self, node: dict[str, Any]) -> dict[str, Any]:
        keeps = bool(self.settings["heatmaps"]["cache"] and self.estimator_kinds and node["epochs"])
        return {
            **self._fit_spec(node),
            "estimators": self._estimator_specs(),
            "heatmaps_kept": keeps,  # kept maps are float16
        }

    def _estimator_specs(self) -> dict[str, Any]:
        return {kind: self._fit_spec(self.settings["estimators"][kind]) for kind in self.estimator_kinds}

    def _launch(
        self,
        title: str,
        spec: dict[str, Any],
        folder: Path,
        heatmaps: Path | None,
        parts: dict[str, tuple[Path, str]],
        experiment: str,
    ) -> None:
        store, data = self.data
        header = FrameStore(store / "train.h5")
        about = About(
            task=spec["task"],
            skeleton=header.skeleton.to_dict(),
            categories=list(header.categories),
            data=self.settings["data"],
            data_fingerprint=data,
            batch_size=spec["batch_size"],
            seed=spec["seed"],
            experiment=experiment,
        )
        logger = self.settings["logger"] or None
        labels = labels_of(self.command, title, experiment, self.settings, spec, folder) if logger else None
        job = FitJob(title, spec, about, folder, store, heatmaps, parts, self.trainer, logger, labels)
        mend_checkpoints(folder, title)
        launch(fit, job, self.processes)
        (folder / FOLDER / PREVIOUS).unlink(missing_ok=True)

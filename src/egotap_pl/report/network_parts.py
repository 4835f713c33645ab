"""The parts of a run's network, known by the classes that its configuration names. A subclass counts as its base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from egotap_pl.analysis.runs import Run
from egotap_pl.data.unrealego import Device
from egotap_pl.engine.checkpoints.allowlist import class_named
from egotap_pl.nn.encoders import GridViTEncoder
from egotap_pl.nn.propagation import Propagation, PuPropagation, RfPropagation
from egotap_pl.tasks.heatmap_sources import NoHeatmaps, TrueHeatmaps


@dataclass(frozen=True)
class NetworkParts:
    """Classes of the parts of a run's network and data.

    A part is None where the configuration has no such part, or names a class that is not trusted.
    """

    encoder: type | None = None
    propagation: type | None = None
    heatmaps: type | None = None
    """Source of the heatmaps that the lifter reads."""

    origin: type | None = None
    """Origin of the poses, where the data set has a choice."""

    follows_skeleton: bool = True
    """Whether the order of propagation is the skeleton's tree, and every joint has its own row of the head (paper)."""

    @property
    def reads_true_heatmaps(self) -> bool:
        """Whether the heatmaps are drawn from the truth, not estimated."""
        return _is(self.heatmaps, TrueHeatmaps)

    @property
    def heatmaps_name(self) -> str:
        """The heatmaps in a word: ``true``, ``estimated``, or ``no`` for a lifter that sees images."""
        if _is(self.heatmaps, NoHeatmaps):
            return "no"
        return "true" if self.reads_true_heatmaps else "estimated"

    @property
    def has_grid_vit(self) -> bool:
        """Whether the encoder is Grid ViT."""
        return _is(self.encoder, GridViTEncoder)

    @property
    def propagates(self) -> bool:
        """Whether features reach a joint from other joints. Relational features alone (RF) do not."""
        return _is(self.propagation, Propagation) and not self.is_without_propagation and not self._has_rf_alone

    @property
    def is_without_propagation(self) -> bool:
        """Whether the propagation returns the joint features unchanged."""
        return self.propagation is not None and bool(getattr(self.propagation, "passes_through", False))

    @property
    def is_egotap(self) -> bool:
        """Whether the network is the paper's: Grid ViT, and propagation units along the skeleton's tree."""
        return self.has_grid_vit and _is(self.propagation, PuPropagation) and self.follows_skeleton

    @property
    def _has_rf_alone(self) -> bool:
        return _is(self.propagation, RfPropagation)

    @property
    def is_relative_to_device(self) -> bool:
        """Whether poses are relative to the headset."""
        return _is(self.origin, Device)


def parts_of(run: Run, trust: Sequence[str]) -> NetworkParts:
    """The parts that a run's configuration names.

    Args:
        run: a finished run.
        trust: packages of the user's own whose classes may be looked up
            (`egotap_pl.engine.checkpoints.allowlist.class_named`).
    """

    def class_at(path: str) -> type | None:
        target = run.setting(f"{path}._target_")
        return class_named(target, trust) if isinstance(target, str) else None

    return NetworkParts(
        encoder=class_at("lifter.encoder"),
        propagation=class_at("lifter.propagation"),
        heatmaps=class_at("heatmaps.source"),
        origin=class_at("data.source.origin"),
        follows_skeleton=run.setting("lifter.propagation_parents") is None and run.setting("lifter.head.rows") is None,
    )


def _is(part: type | None, base: type) -> bool:
    return part is not None and issubclass(part, base)

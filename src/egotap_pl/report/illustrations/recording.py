"""What a trained network does with test frames: attention and gates, recorded while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from egotap_pl.analysis.attention_shares import TokenGrid, attention_between, recorded_attention
from egotap_pl.analysis.gate_openings import Gate, LayerGates, recorded_gates
from egotap_pl.core.batch import Batch, Heatmaps
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.evenly import evenly
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.nn.encoders import GridViTEncoder
from egotap_pl.report.illustrations.choices import has_own_class
from egotap_pl.report.material import Material
from egotap_pl.report.studies import MethodRuns
from egotap_pl.tasks import LiftingTask

FRAMES, AT_ONCE = 120, 12


class RecordedNetwork(NamedTuple):
    """A network with Grid ViT and propagation units, and what it did with test frames."""

    method: MethodRuns
    task: LiftingTask
    encoder: GridViTEncoder
    store: FrameStore
    rows: list[int]
    """Rows of the store that the network was run on."""

    gates: dict[str, Gate]
    """Gates of the joints with a heatmap, by name; empty where the propagation has no `PropagationUnit`."""

    between: list[Float[np.ndarray, "v j v j"]]
    """`attention_between` of every block of the encoder, mean over the frames."""

    @property
    def tokens(self) -> TokenGrid:
        """The order of the encoder's tokens."""
        return token_grid(self.encoder)

    @property
    def label(self) -> str:
        """The data set and, for a network with a user's own class, the method."""
        dataset = self.method.first.dataset
        return f"{dataset}, {self.method.name}" if has_own_class(self.method) else dataset

    @property
    def stem(self) -> str:
        """The label as part of a file's name."""
        return self.label.replace(", ", "_")

    @property
    def words(self) -> str:
        """Which run it is, in a caption."""
        run = self.method.first
        return f"{run.experiment}, seed {run.seed}, {self.method.parts.heatmaps_name} heatmaps"


def record_network(method: MethodRuns, material: Material) -> RecordedNetwork | None:
    """Run a method's network on test frames at even distances; None where its frames or its checkpoint are missing.

    Args:
        method: a method with Grid ViT and propagation units.
        material: gives frames and networks.

    Raises:
        EgotapError: if the checkpoint holds another network than the run's configuration says.
    """
    store = material.store_of(method.first)
    task = material.task_of(method.first, "Attention and gates") if store is not None else None
    if store is None or task is None:
        return None
    encoder = task.lifter.encoder if isinstance(task, LiftingTask) else None
    if not isinstance(task, LiftingTask) or not isinstance(encoder, GridViTEncoder):
        raise EgotapError(f"{method.first.checkpoint} holds no Grid ViT, which its config.yaml names")
    rows, tokens = evenly(FRAMES, len(store)), token_grid(encoder)
    recorded: list[list[LayerGates]] = []
    between: list[list[Float[np.ndarray, "v j v j"]]] = []
    for batch, heatmaps in heatmaps_of(task, store, rows):
        with (
            torch.inference_mode(),
            recorded_attention(encoder) as weights,
            recorded_gates(task.lifter.propagation) as layers,
        ):
            task.lifter.features(*heatmaps)
        share = len(batch.frame) / len(rows)
        between.append([share * attention_between(block, tokens) for block in weights])
        recorded.append(layers)
    means = [np.sum(parts, 0) for parts in zip(*between, strict=True)]
    return RecordedNetwork(method, task, encoder, store, rows, _joined_gates(recorded), means)


def heatmaps_of(task: LiftingTask, store: FrameStore, rows: Sequence[int]) -> Iterator[tuple[Batch, Heatmaps]]:
    """Frames and the heatmaps that a task reads, a few frames at a time.

    Args:
        task: a trained task.
        store: the frames.
        rows: rows of the store.
    """
    for start in range(0, len(rows), AT_ONCE):
        batch = store.read(rows[start : start + AT_ONCE])
        with torch.inference_mode():
            yield batch, task.maps(batch)


def token_grid(encoder: GridViTEncoder) -> TokenGrid:
    """The order of an encoder's tokens."""
    return TokenGrid(2, encoder.skeleton.num_heatmap_joints, round(encoder.tokens_per_map**0.5))


def _joined_gates(recorded: Sequence[Sequence[LayerGates]]) -> dict[str, Gate]:
    """The gates of every layer, those of all frames together, by name."""
    gates: dict[str, Gate] = {}
    for number, layers in enumerate(zip(*recorded, strict=True), 1):
        gates[f"f′, layer {number}"] = _joined([layer.hidden for layer in layers])
        limb = [layer.limb for layer in layers if layer.limb is not None]
        if limb:
            gates[f"f″, layer {number}"] = _joined(limb)
    return gates


def _joined(gates: Sequence[Gate]) -> Gate:
    return Gate(*(np.concatenate(part) for part in zip(*gates, strict=True)))

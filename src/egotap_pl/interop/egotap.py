"""EgoTAP's published lifter: the network as its release runs it, and its weights under our names.

Where the release differs from the paper (docs/fidelity.md), this follows the release: blank cells of a 6 x 6 grid take
part in attention, propagation units follow a chain, the propagated feature is 512 wide with ``concat`` and ``pu``, the
global head reads propagated features only, and on UnrealEgo every joint fills the row before its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.interop.sizes import HIDDEN_DIMS, PATCHES_PER_SIDE
from egotap_pl.interop.state import Entry, Published, Shape, Spare, renamed, same, translate, unchanged
from egotap_pl.nn.encoders import LimbEncoder, ReleaseGridViTEncoder
from egotap_pl.nn.heads import PerJointHead
from egotap_pl.nn.lifter import Lifter
from egotap_pl.nn.propagation import (
    AlterPropagation,
    ConcatPropagation,
    LstmPropagation,
    NoPropagation,
    Propagation,
    PuPropagation,
    RfPropagation,
)

_POSITION, _LIMB = "pos_heatmap_encoder.", "rot_heatmap_encoder."
_STATES = "skel_sequential_layer."


@dataclass(frozen=True)
class LifterSizes:
    """Sizes of EgoTAP's lifter. The defaults are those of the release."""

    heatmap_px: int = 64
    """Side of the heatmaps."""

    joint_dim: int = 256
    """Width of joint and relational features."""

    width: int = 1024
    """Width of a token."""

    mlp_width: int = 4096
    """Hidden width of the transformer's MLPs."""

    depth: int = 3
    """Transformer layers."""

    heads: int = 8
    """Attention heads."""

    hidden_dims: Sequence[int] = HIDDEN_DIMS
    """Widths between a heatmap's tokens, or a limb's heatmaps, and their feature."""


RELEASE = LifterSizes()


@dataclass(frozen=True)
class ReleasedPropagation:
    """A propagation as released."""

    make: Callable[..., Propagation]
    """Factory, called with ``skeleton``, ``joint_dim`` and, if there is a state, ``state_dim``."""

    entries: Callable[[Propagation], list[Entry]]
    """Where each of its weights comes from."""

    state_dims: int | None = None
    """Width of its state over that of a joint feature; None if it has no state."""

    on_chain: bool = False
    """Whether it follows the chain of joints instead of the tree."""


def _no_weights(propagation: Propagation) -> list[Entry]:
    return []


def _lstm(cells: str, propagation: Propagation) -> list[Entry]:
    """Entries of stacked LSTM cells. nn.LSTM puts the number of a layer at the end of a name."""
    modules = propagation.get_submodule(cells)
    return [
        Entry(f"propagation.{cells}.{k}.{name}", {f"{_STATES}lstm.{name}_l{k}": tuple(tensor.shape)}, unchanged)
        for k, cell in enumerate(modules.children())
        for name, tensor in cell.state_dict().items()
    ]


def _units(propagation: Propagation) -> list[Entry]:
    theirs = {"to_forget": "x2f", "input_to_gates": "x2h", "hidden_to_gates": "h2h", "limb_to_gates": "b2h"}
    entries = []
    for k, layer in enumerate(propagation.get_submodule("layers").children()):
        names = {ours: f"{_STATES}lstm_custom.layers.{k}.{name}" for ours, name in theirs.items()}
        if layer.get_parameter("to_forget.weight").shape[0] == layer.get_parameter("hidden_to_gates.weight").shape[1]:
            del names["limb_to_gates"]  # upper layers do not read relational features
        entries += renamed(layer, f"propagation.layers.{k}.", names)
    return entries


PROPAGATIONS = {
    "none": ReleasedPropagation(NoPropagation, _no_weights),
    "rf": ReleasedPropagation(RfPropagation, _no_weights),
    "lstm": ReleasedPropagation(LstmPropagation, partial(_lstm, "lstm.cells"), state_dims=1),
    "alter": ReleasedPropagation(AlterPropagation, partial(_lstm, "cells"), state_dims=1),
    "concat": ReleasedPropagation(ConcatPropagation, partial(_lstm, "lstm.cells"), state_dims=2),
    "pu": ReleasedPropagation(PuPropagation, _units, state_dims=2, on_chain=True),
}
"""The released propagations, under the names of ``lifter/propagation``."""


def release_lifter(
    skeleton: Skeleton, heatmap_px: int = RELEASE.heatmap_px, propagation: str = "pu", sizes: LifterSizes = RELEASE
) -> Lifter:
    """EgoTAP's lifter as its release runs it, with random weights.

    Args:
        skeleton: the skeleton of the heatmaps and of the pose.
        heatmap_px: side of the heatmaps, which must be ``sizes.heatmap_px``.
        propagation: a key of `PROPAGATIONS`.
        sizes: all sizes of the network.

    Raises:
        EgotapError: if the propagation is unknown.
        ValueError: if ``heatmap_px`` differs from ``sizes.heatmap_px``.
    """
    released = find_propagation(propagation)
    if heatmap_px != sizes.heatmap_px:
        raise ValueError(f"published weights are for heatmaps of {sizes.heatmap_px} px, not {heatmap_px}")
    state = {} if released.state_dims is None else {"state_dim": released.state_dims * sizes.joint_dim}
    encoder = partial(
        ReleaseGridViTEncoder,
        patches_per_side=PATCHES_PER_SIDE,
        width=sizes.width,
        depth=sizes.depth,
        heads=sizes.heads,
        mlp_width=sizes.mlp_width,
        hidden_dims=sizes.hidden_dims,
    )
    return Lifter(
        skeleton,
        heatmap_px,
        sizes.joint_dim,
        encoder,
        partial(LimbEncoder, hidden_dims=sizes.hidden_dims),
        partial(released.make, **state),
        # On EgoCap, which has as many rows as features, this is each joint's own row.
        partial(PerJointHead, global_reads_joint=False, rows=range(skeleton.num_heatmap_joints)),
        propagation_parents=skeleton.chain().parents if released.on_chain else None,
    )


def find_propagation(name: str) -> ReleasedPropagation:
    """A released propagation.

    Raises:
        EgotapError: if the name is unknown.
    """
    if name not in PROPAGATIONS:
        raise EgotapError(f"unknown propagation {name!r}: must be one of: {', '.join(PROPAGATIONS)}")
    return PROPAGATIONS[name]


def lifter_weights(published: Published, lifter: Lifter, propagation: str = "pu") -> dict[str, Tensor]:
    """The published weights under the names of ``lifter``.

    Args:
        published: the published state dict.
        lifter: a network from `release_lifter`.
        propagation: the propagation of that network.

    Raises:
        EgotapError: if keys or shapes do not fit.
    """
    encoder, head = lifter.encoder, lifter.head
    assert isinstance(encoder, ReleaseGridViTEncoder)
    width = encoder.positions.shape[1]
    entries = [*_tokens(encoder), *_transformer(encoder.transformer, width), *_stack(encoder, "encoder.", _POSITION)]
    vit = f"{_POSITION}vit."
    spares = [
        Spare(f"{vit}embeddings.cls_token", (1, 1, width)),
        Spare(f"{vit}pooler.dense.weight", (width, width)),
        Spare(f"{vit}pooler.dense.bias", (width,)),
    ]
    limb_encoder = lifter.limb_encoder or _unused_limb_encoder(lifter)
    limb_entries = _stack(limb_encoder, "limb_encoder.", _LIMB)
    if lifter.limb_encoder is not None:
        entries += limb_entries
    else:  # the release builds a limb encoder anyway, without training it
        spares += [Spare(name, shape) for entry in limb_entries for name, shape in entry.theirs.items()]
    entries += PROPAGATIONS[propagation].entries(lifter.propagation)
    heads = {"to_position": "pose_mlp.pose_fcs.0"}
    if lifter.skeleton.estimates_root:
        heads["to_global"] = "global_mlp.pose_fcs.0"
    entries += renamed(head, "head.", heads)
    return translate(published, entries, spares)


def _tokens(encoder: ReleaseGridViTEncoder) -> list[Entry]:
    theirs = f"{_POSITION}vit.embeddings."
    tokens, width = encoder.positions.shape
    projection = f"{theirs}patch_embeddings.projection."
    patch = (width, 1, encoder.patch_px, encoder.patch_px)
    return [
        Entry("encoder.project.weight", {f"{projection}weight": patch}, partial(torch.flatten, start_dim=1)),
        Entry("encoder.project.bias", {f"{projection}bias": (width,)}, unchanged),
        Entry("encoder.mask_token", {f"{theirs}mask_token": (1, 1, width)}, torch.flatten),
        Entry(
            "encoder.positions",
            {f"{theirs}position_embeddings": (1, tokens, width)},
            partial(_by_cell, side=round(encoder.tokens_per_map**0.5)),
        ),
    ]


def _by_cell(positions: Tensor, side: int) -> Tensor:
    """Reorders positions from row by row over the grid image to cell by cell, ``side`` x ``side`` patches per cell."""
    cells = round((positions.shape[1] / side**2) ** 0.5)
    image = positions[0].unflatten(0, (cells, side, cells, side))
    return image.transpose(1, 2).flatten(0, 3)


def _transformer(transformer: nn.Sequential, width: int) -> list[Entry]:
    *blocks, norm = transformer
    vit = f"{_POSITION}vit."
    entries = same(norm, f"encoder.transformer.{len(blocks)}.", f"{vit}layernorm.")
    for k, block in enumerate(blocks):
        ours, theirs = f"encoder.transformer.{k}.", f"{vit}encoder.layer.{k}."
        for name, shape in (("weight", (width, width)), ("bias", (width,))):
            parts: Mapping[str, Shape] = {
                f"{theirs}attention.attention.{part}.{name}": shape for part in ("query", "key", "value")
            }
            entries.append(Entry(f"{ours}qkv.{name}", parts, _stacked))
        names = {
            "attention_out": "attention.output.dense",
            "attention_norm": "layernorm_before",
            "mlp_norm": "layernorm_after",
            "mlp.0": "intermediate.dense",
            "mlp.2": "output.dense",
        }
        entries += renamed(block, ours, {child: f"{theirs}{name}" for child, name in names.items()})
    return entries


def _stack(module: nn.Module, ours: str, theirs: str) -> list[Entry]:
    """Entries of the fully connected layers that end in a feature: linear layers and batch normalisations."""
    names: dict[str, str] = {}
    for k in range(len(list(module.get_submodule("reduce").children()))):
        names |= {f"reduce.{k}.0": f"{theirs}fc{k + 1}.fc", f"reduce.{k}.1": f"{theirs}fc{k + 1}.bn"}
    return renamed(module, ours, names)


def _unused_limb_encoder(lifter: Lifter) -> nn.Module:
    """A limb encoder without memory, for the names and shapes of one that is in the file but not used."""
    encoder = lifter.encoder
    reduce = encoder.get_submodule("reduce")
    hidden = tuple(block.get_parameter("0.weight").shape[0] for block in reduce.children())[:-1]
    with torch.device("meta"):
        return LimbEncoder(encoder.heatmap_px, encoder.joint_dim, hidden_dims=hidden)


def _stacked(*tensors: Tensor) -> Tensor:
    return torch.cat(tensors)

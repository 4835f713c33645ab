"""EgoTAP's published lifter: the network as its release runs it, and its weights by our names.

Where the release differs from the paper (docs/fidelity.md) this is the release: blank cells of a 6 x 6 grid attend,
propagation units follow a chain, the propagated feature is 512 wide where relational features go in, the global head
reads propagated features only, and on UnrealEgo every joint's feature fills the row before its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.interop.state import Entry, Published, Shape, Spare, renamed, same, translate
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
PATCHES_PER_SIDE = 4


@dataclass(frozen=True)
class LifterSizes:
    """Widths of a published lifter; the defaults are the release's.

    Args:
        heatmap_px: side of the heatmaps; a patch is a quarter of it.
        joint_dim: width of joint and relational features.
        width: of a token.
        mlp_width: hidden width of the transformer's MLPs.
        depth: transformer layers.
        heads: attention heads.
        hidden_dims: widths between a map's tokens, or a limb's maps, and their feature.
    """

    heatmap_px: int = 64
    joint_dim: int = 256
    width: int = 1024
    mlp_width: int = 4096
    depth: int = 3
    heads: int = 8
    hidden_dims: Sequence[int] = (2048, 512)


RELEASE = LifterSizes()


@dataclass(frozen=True)
class Variant:
    """A propagation as released.

    Args:
        make: makes it of ``skeleton``, ``joint_dim`` and, where it has a state, ``state_dim``.
        entries: of its weights.
        state_dims: width of its state in joint features; None where it has none.
        on_chain: whether it follows the chain of joints instead of the tree.
    """

    make: Callable[..., Propagation]
    entries: Callable[[Propagation], list[Entry]]
    state_dims: int | None = None
    on_chain: bool = False


def _no_weights(propagation: Propagation) -> list[Entry]:
    return []


def _lstm(cells: str, propagation: Propagation) -> list[Entry]:
    """nn.LSTM numbers its layers at the end of a name; LSTMCell has none."""
    modules = propagation.get_submodule(cells)
    return [
        Entry(f"propagation.{cells}.{k}.{name}", {f"{_STATES}lstm.{name}_l{k}": tuple(tensor.shape)}, _first)
        for k, cell in enumerate(modules.children())
        for name, tensor in cell.state_dict().items()
    ]


def _units(propagation: Propagation) -> list[Entry]:
    names = {"to_forget": "x2f", "input_to_gates": "x2h", "hidden_to_gates": "h2h", "limb_to_gates": "b2h"}
    entries = []
    for k, layer in enumerate(propagation.get_submodule("layers").children()):
        there = {ours: f"{_STATES}lstm_custom.layers.{k}.{name}" for ours, name in names.items()}
        if layer.get_parameter("to_forget.weight").shape[0] == layer.get_parameter("hidden_to_gates.weight").shape[1]:
            del there["limb_to_gates"]  # upper layers read no relational feature
        entries += renamed(layer, f"propagation.layers.{k}.", there)
    return entries


VARIANTS = {
    "none": Variant(NoPropagation, _no_weights),
    "rf": Variant(RfPropagation, _no_weights),
    "lstm": Variant(LstmPropagation, partial(_lstm, "lstm.cells"), state_dims=1),
    "alter": Variant(AlterPropagation, partial(_lstm, "cells"), state_dims=1),
    "concat": Variant(ConcatPropagation, partial(_lstm, "lstm.cells"), state_dims=2),
    "pu": Variant(PuPropagation, _units, state_dims=2, on_chain=True),
}
"""The release's propagations by the names of ``lifter/propagation``."""


def release_lifter(
    skeleton: Skeleton, heatmap_px: int = RELEASE.heatmap_px, propagation: str = "pu", sizes: LifterSizes = RELEASE
) -> Lifter:
    """EgoTAP's lifter as its release runs it, with fresh weights.

    Args:
        skeleton: whose pose it gives.
        heatmap_px: side of the heatmaps: ``sizes.heatmap_px``.
        propagation: a key of `VARIANTS`.
        sizes: widths.

    Raises:
        EgotapError: for another propagation.
        ValueError: for another size of heatmaps.
    """
    if propagation not in VARIANTS:
        raise EgotapError(f"there is no propagation {propagation!r}; there are {', '.join(VARIANTS)}")
    if heatmap_px != sizes.heatmap_px:
        raise ValueError(f"published weights are for heatmaps of {sizes.heatmap_px} px, not {heatmap_px}")
    variant = VARIANTS[propagation]
    state = {} if variant.state_dims is None else {"state_dim": variant.state_dims * sizes.joint_dim}
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
        partial(variant.make, **state),
        # EgoCap has as many rows as features, so that this is each joint's own row there.
        partial(PerJointHead, global_reads_joint=False, rows=range(skeleton.num_heatmap_joints)),
        propagation_parents=skeleton.chain().parents if variant.on_chain else None,
    )


def lifter_weights(published: Published, lifter: Lifter, propagation: str = "pu") -> dict[str, Tensor]:
    """The published weights by the names of ``lifter``, which `release_lifter` made.

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
    else:  # the release makes one all the same, and never trains it
        spares += [Spare(name, shape) for entry in limb_entries for name, shape in entry.theirs.items()]
    entries += VARIANTS[propagation].entries(lifter.propagation)
    heads = {"to_position": "pose_mlp.pose_fcs.0"}
    if lifter.skeleton.estimates_root:
        heads["to_global"] = "global_mlp.pose_fcs.0"
    entries += renamed(head, "head.", heads)
    return translate(published, entries, spares)


def _tokens(encoder: ReleaseGridViTEncoder) -> list[Entry]:
    there = f"{_POSITION}vit.embeddings."
    tokens, width = encoder.positions.shape
    projection = f"{there}patch_embeddings.projection."
    patch = (width, 1, encoder.patch_px, encoder.patch_px)
    return [
        Entry("encoder.project.weight", {f"{projection}weight": patch}, partial(torch.flatten, start_dim=1)),
        Entry("encoder.project.bias", {f"{projection}bias": (width,)}, _first),
        Entry("encoder.mask_token", {f"{there}mask_token": (1, 1, width)}, torch.flatten),
        Entry(
            "encoder.positions",
            {f"{there}position_embeddings": (1, tokens, width)},
            partial(_by_cell, side=round(encoder.tokens_per_map**0.5)),
        ),
    ]


def _by_cell(positions: Tensor, side: int) -> Tensor:
    """Positions row by row over the grid image to cell by cell; ``side`` patches a cell."""
    cells = round((positions.shape[1] / side**2) ** 0.5)
    image = positions[0].unflatten(0, (cells, side, cells, side))
    return image.transpose(1, 2).flatten(0, 3)


def _transformer(transformer: nn.Sequential, width: int) -> list[Entry]:
    *blocks, norm = transformer
    vit = f"{_POSITION}vit."
    entries = same(norm, f"encoder.transformer.{len(blocks)}.", f"{vit}layernorm.")
    for k, block in enumerate(blocks):
        ours, there = f"encoder.transformer.{k}.", f"{vit}encoder.layer.{k}."
        for name, shape in (("weight", (width, width)), ("bias", (width,))):
            parts: Mapping[str, Shape] = {
                f"{there}attention.attention.{part}.{name}": shape for part in ("query", "key", "value")
            }
            entries.append(Entry(f"{ours}qkv.{name}", parts, _stacked))
        names = {
            "attention_out": "attention.output.dense",
            "attention_norm": "layernorm_before",
            "mlp_norm": "layernorm_after",
            "mlp.0": "intermediate.dense",
            "mlp.2": "output.dense",
        }
        entries += renamed(block, ours, {mine: f"{there}{theirs}" for mine, theirs in names.items()})
    return entries


def _stack(module: nn.Module, ours: str, theirs: str) -> list[Entry]:
    """The fully connected layers that make a feature: linear maps and batch normalisations."""
    names: dict[str, str] = {}
    for k in range(len(list(module.get_submodule("reduce").children()))):
        names |= {f"reduce.{k}.0": f"{theirs}fc{k + 1}.fc", f"reduce.{k}.1": f"{theirs}fc{k + 1}.bn"}
    return renamed(module, ours, names)


def _unused_limb_encoder(lifter: Lifter) -> nn.Module:
    """Stands for the names and shapes of a limb encoder that the file has and the network does not use."""
    encoder = lifter.encoder
    reduce = encoder.get_submodule("reduce")
    hidden = tuple(block.get_parameter("0.weight").shape[0] for block in reduce.children())[:-1]
    with torch.device("meta"):
        return LimbEncoder(encoder.heatmap_px, encoder.joint_dim, hidden_dims=hidden)


def _first(tensor: Tensor) -> Tensor:
    return tensor


def _stacked(*tensors: Tensor) -> Tensor:
    return torch.cat(tensors)

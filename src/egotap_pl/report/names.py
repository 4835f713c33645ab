"""What figures and tables call variants, in the paper's order."""

from __future__ import annotations

from collections.abc import Mapping

from egotap_pl.analysis.variants import Variant

NAMES: Mapping[str, Mapping[str, str]] = {
    "table1": {
        "table1/egoglass": "EgoGlass",
        "table1/unrealego": "UnrealEgo",
        "table1/ego3dpose": "Ego3DPose",
        "table1/egotap": "EgoTAP",
    },
    "table2": {
        "table2/cnn": "CNN",
        "table2/channel_vit": "Channel ViT",
        "table2/grid_vit": "Grid ViT",
        "table2/grid_vit_rf": "+ RF",
        "table2/grid_vit_lstm": "+ LSTM",
        "table2/grid_vit_alter": "+ LSTM RF Alter",
        "table2/grid_vit_concat": "+ LSTM RF Concat",
        "table2/grid_vit_pu": "+ PU (EgoTAP)",
    },
    "propagation": {
        "propagation/pu_tree_aligned": "PU (tree)",
        "propagation/pu_tree_shifted": "PU (tree, shifted rows)",
        "propagation/pu_chain_aligned": "PU (chain)",
        "propagation/pu_chain_shifted": "PU (chain, shifted rows)",
        "propagation/concat_tree_aligned": "Concat (tree)",
        "propagation/concat_tree_shifted": "Concat (tree, shifted rows)",
        "propagation/concat_chain_aligned": "Concat (chain)",
        "propagation/concat_chain_shifted": "Concat (chain, shifted rows)",
    },
    "table3": {
        "table3/cnn": "CNN",
        "table3/channel_vit": "Channel ViT",
        "table3/grid_vit": "Grid ViT",
    },
}
"""Presets, table by table, in the paper's order, each name as short as its table allows."""
_EVERY = {preset: name for table in NAMES.values() for preset, name in table.items()}


def place(variant: Variant) -> int:
    """In the order of the tables and their rows; others come last."""
    if variant.changes:
        return len(_EVERY)
    return next((k for k, preset in enumerate(_EVERY) if preset in variant.presets), len(_EVERY))


def is_own(variant: Variant) -> bool:
    """Whether it is a user's own: none of the presets as they are."""
    return place(variant) == len(_EVERY)


def display_name(variant: Variant) -> str:
    """What a variant is called where no table gives the context: of a user's own, its preset's name or its changes.

    Changes are told by the classes that they choose, e.g. ``SumPropagation, depth=2``.
    """
    if not is_own(variant):
        name = list(_EVERY.values())[place(variant)]
        return f"Grid ViT {name}" if name.startswith("+") else name
    own = [name for name in variant.started_as if name != "custom" and name not in _EVERY]
    if own or not variant.changes:
        return (own[0] if own else variant.name).rpartition("/")[2]
    words = [
        value.rpartition(".")[2] if key.endswith("_target_") else f"{key.rpartition('.')[2]}={value}"
        for key, value in variant.changes
        if not value.startswith("~")
    ]
    classes_first = sorted(words, key=lambda word: "=" in word)
    return ", ".join(classes_first)

"""What Grid ViT's tokens attend to (paper 3.2): between joints, and patch by patch for one joint."""

from __future__ import annotations

import numpy as np
import torch

from egotap_pl.analysis.attention_shares import attention_shares, joint_attention, recorded_attention
from egotap_pl.analysis.error_breakdown import joint_states
from egotap_pl.figures.attention import AttendingFrame, attention_figure, joint_attention_figure
from egotap_pl.metrics.visibility import STATES
from egotap_pl.report.contents import Illustration
from egotap_pl.report.illustrations.recording import RecordedNetwork, heatmaps_of

JOINTS_TITLE = "Attention between joints ({label})"
JOINTS_CAPTION = (
    "Share of the attention of a joint's tokens (row) that goes to another joint's (column), both views together, mean "
    "over heads, tokens and {frames} test frames; circles mark the parents. {shares}. If attention were even, every "
    "heatmap would get {even:.1%}. {run}."
)
LAYER_SHARES = (
    "layer {layer}: {itself:.1%} to its own heatmap, {other_view:.1%} to its heatmap in the other view, {parent:.1%} "
    "to its parent's heatmaps, {children:.1%} to its children's"
)
JOINTS_ALT = "Matrices of the attention that every joint pays to every other, one for each layer."

PATCHES_TITLE = "What Grid ViT's tokens of {joint} attend to ({label})"
PATCHES_CAPTION = (
    "Attention that the tokens of {joint} in both views pay to every patch of every heatmap, mean over heads, in "
    "multiples of an even share. Orange: the heatmap at half its peak's height. {joint} is the joint that is hidden "
    "nearest to half of the time; frames: of those in which both views see it, and of those in which neither does, the "
    "middle one. Share that goes to its own two heatmaps, layer by layer: {own}. {run}."
)
PATCHES_ALT = (
    "A grid of small heatmaps, one for each joint, layer and view, coloured by the attention that {joint} pays to "
    "their patches."
)
_SEEN, _HIDDEN = STATES.index(("visible", "visible")), STATES.index(("occluded", "occluded"))


def joints_illustration(network: RecordedNetwork) -> Illustration:
    """The attention that every joint pays to every other, layer by layer."""
    skeleton = network.store.skeleton
    layers = [attention_shares(layer, skeleton)._asdict() for layer in network.between]
    return Illustration(
        name=f"attention_joints_{network.stem}",
        title=JOINTS_TITLE.format(label=network.label),
        caption=JOINTS_CAPTION.format(
            frames=len(network.rows),
            shares="; ".join(LAYER_SHARES.format(layer=number, **shares) for number, shares in enumerate(layers, 1)),
            even=1 / (2 * skeleton.num_heatmap_joints),
            run=network.words,
        ),
        alt=JOINTS_ALT,
        figure=joint_attention_figure(network.between, skeleton),
    )


def patches_illustration(network: RecordedNetwork) -> Illustration:
    """The attention that one joint pays to every patch, in a frame where it is seen and in one where it is hidden."""
    channel, rows = _half_hidden_joint(network)
    ((_, heatmaps),) = heatmaps_of(network.task, network.store, list(rows.values()))
    with torch.inference_mode(), recorded_attention(network.encoder) as weights:
        network.encoder(heatmaps.joint)
    layers = [joint_attention(layer, network.tokens, channel) for layer in weights]
    frames = [
        AttendingFrame(title, heatmaps.joint[n].numpy(), [layer[n] for layer in layers]) for n, title in enumerate(rows)
    ]
    joint = network.store.skeleton.joints[channel + 1]
    own = [(frame.title, [f"{layer[:, channel].sum():.1%}" for layer in frame.layers]) for frame in frames]
    return Illustration(
        name=f"attention_{network.stem}",
        title=PATCHES_TITLE.format(joint=joint, label=network.label),
        caption=PATCHES_CAPTION.format(
            joint=joint,
            own="; ".join(f"{title}: {' and '.join(shares)}" for title, shares in own),
            run=network.words,
        ),
        alt=PATCHES_ALT.format(joint=joint),
        figure=attention_figure(frames, network.store.skeleton, channel),
    )


def _half_hidden_joint(network: RecordedNetwork) -> tuple[int, dict[str, int]]:
    """The heatmap channel of the joint that is hidden nearest to half of the time, and a row of each kind by title."""
    batch = network.store.read(network.rows, images=False)
    states = joint_states(batch.visibility.numpy())[:, 1:]
    balance = np.minimum((states == _SEEN).mean(0), (states >= _HIDDEN).mean(0))
    channel = int(balance.argmax())
    rows = {}
    for title, is_so in (("seen by both", states[:, channel] == _SEEN), ("hidden", states[:, channel] >= _HIDDEN)):
        candidates = np.flatnonzero(is_so)
        if len(candidates):
            rows[title] = network.rows[int(candidates[len(candidates) // 2])]
    return channel, rows or {"": network.rows[len(network.rows) // 2]}

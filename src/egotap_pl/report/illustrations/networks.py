"""The figures of a report for which trained networks run: rebuilt heatmaps, attention, gates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from egotap_pl.analysis.attention_shares import (
    TokenGrid,
    attention_between,
    attention_shares,
    joint_attention,
    recorded_attention,
)
from egotap_pl.analysis.error_breakdown import STATES, joint_states
from egotap_pl.analysis.gate_openings import Gate, GateMeans, gates_by_visibility, recorded_gates, visibility_groups
from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.statistics import numbered
from egotap_pl.analysis.variants import Condition
from egotap_pl.core.batch import Batch, Heatmaps
from egotap_pl.core.evenly import evenly
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.core.wording import in_words, signed
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.figures.attention import AttendingFrame, attention_figure, joint_attention_figure
from egotap_pl.figures.gates import gates_figure
from egotap_pl.figures.reconstruction import RebuiltFrame, reconstruction_figure
from egotap_pl.nn.encoders import GridViTEncoder
from egotap_pl.report.contents import Illustration
from egotap_pl.report.stores import Stores, task_of
from egotap_pl.report.studies import Ground, Method
from egotap_pl.tasks import LiftingTask, ReconstructionTask

REBUILT_FRAMES = 3
WATCHED_FRAMES, AT_ONCE = 120, 12
_SEEN, _HIDDEN = STATES.index(("visible", "visible")), STATES.index(("occluded", "occluded"))


def reconstruction_illustrations(
    grounds: Sequence[Ground], stores: Stores, trust: tuple[str, ...], missing: list[str]
) -> list[Illustration]:
    """Per condition: heatmaps rebuilt from the features of every encoder that was probed.

    Args:
        grounds: with probes or without.
        stores: gives the frames.
        trust: packages whose classes checkpoints may name.
        missing: gets a line for everything that cannot be shown.
    """
    illustrations = []
    for ground in grounds:
        probes = {}
        for method in ground.probes:
            task = task_of(method.first, trust, missing, "Rebuilt heatmaps")
            if isinstance(task, ReconstructionTask):  # all-zero maps need no picture
                probes[method.name] = (method.first, task)
        store = stores(ground.probes[0].first) if probes else None
        if store is not None:
            illustrations.append(_rebuilt(ground.condition, probes, store, missing))
    return illustrations


def _rebuilt(
    condition: Condition, probes: dict[str, tuple[Run, ReconstructionTask]], store: FrameStore, missing: list[str]
) -> Illustration:
    rows = evenly(REBUILT_FRAMES, len(store))
    batch = store.read(rows)
    with torch.inference_mode():
        given = {name: task.maps(batch) for name, (_, task) in probes.items()}
        first = next(iter(given.values()))
        for name in [name for name, maps in given.items() if maps.shape != first.shape or not maps.allclose(first)]:
            missing.append(f"Rebuilt heatmaps: {name} was trained on other heatmaps than {next(iter(given))}")
            del given[name]
        rebuilt = {name: probes[name][1].rebuild(first).numpy() for name in given}
    runs = {name: probes[name][0] for name in given}
    run = next(iter(runs.values()))
    kind = f"{run.maps} maps"
    frames = [
        RebuiltFrame(
            store.categories[int(batch.category[n])].replace(" - ", "\n"),
            batch.images[n].numpy(),
            {kind: first[n].numpy(), **{name: maps[n] for name, maps in rebuilt.items()}},
        )
        for n in range(len(rows))
    ]
    errors = ", ".join(f"{name} {other.metrics['mse']:.2e}" for name, other in runs.items())
    return Illustration(
        f"reconstruction_{condition.slug}",
        f"Heatmaps rebuilt from the encoders' features ({condition.title})",
        f"A decoder learned to rebuild the joint heatmaps from the features of each frozen encoder (paper 4.3.1). "
        f"Shown is the largest value of all joints' maps at every pixel, for {len(frames)} test frames at even "
        f"distances; below each picture the mean squared error of its maps. Over the whole test set it is {errors}, "
        f"and {run.metrics['zeros_mse']:.2e} for all-zero maps. Runs of seed "
        f"{in_words(sorted({str(other.seed) for other in runs.values()}))}.",
        f"Rows of pictures: stereo images, {kind} of the joints, and the maps rebuilt from the features of "
        f"{in_words(list(runs))}.",
        reconstruction_figure(frames),
    )


class _Watched(NamedTuple):
    """What a network did with frames.

    Fields:
        run: whose it is.
        store: the frames.
        rows: of the store.
        gates: by name, of joints with a heatmap.
        between: `attention_between` of every block.
    """

    run: Run
    store: FrameStore
    rows: list[int]
    gates: dict[str, Gate]
    between: list[Float[np.ndarray, "v j v j"]]


def inside_illustrations(
    grounds: Sequence[Ground], stores: Stores, trust: tuple[str, ...], missing: list[str]
) -> list[Illustration]:
    """Per data set: attention of Grid ViT and gates of propagation units, of a run of the paper's network."""
    illustrations = []
    by_data: dict[str, list[Ground]] = {}
    for ground in grounds:
        by_data.setdefault(ground.fingerprint, []).append(ground)
    for on_same_data in by_data.values():
        methods = [method for ground in on_same_data for method in ground.methods]
        method = _paper_network(methods)
        if method is None:
            if methods:
                name = on_same_data[0].dataset
                missing.append(f"Attention and gates ({name}): no run has Grid ViT and PU on the tree")
            continue
        store = stores(method.first)
        task = task_of(method.first, trust, missing, "Attention and gates") if store is not None else None
        if store is None or not isinstance(task, LiftingTask):
            continue
        watched = _watch(method.first, task, store)
        illustrations += [_gates(watched), _attention(watched, task), _between(watched)]
    return illustrations


def _paper_network(methods: Sequence[Method]) -> Method | None:
    """Grid ViT and propagation units along the skeleton's tree; on estimated heatmaps if there is a choice."""
    fitting = [
        m
        for m in methods
        if m.first.class_name("lifter.encoder") in ("GridViTEncoder", "ReleaseGridViTEncoder")
        and m.first.class_name("lifter.propagation") == "PuPropagation"
        and m.first.setting("lifter.propagation_parents") is None
        and m.first.setting("lifter.head.rows") is None
    ]
    estimated = [m for m in fitting if m.first.maps == "estimated"]
    return next(iter(estimated or fitting), None)


def _watch(run: Run, task: LiftingTask, store: FrameStore) -> _Watched:
    """Run a network over frames at even distances, and record."""
    rows = evenly(WATCHED_FRAMES, len(store))
    encoder = task.lifter.encoder
    tokens = _tokens(encoder, store.skeleton)
    gates: dict[str, list[Gate]] = {}
    between: list[Any] = []
    for batch, maps in _maps(task, store, rows):
        with (
            torch.inference_mode(),
            recorded_attention(encoder) as weights,
            recorded_gates(task.lifter.propagation) as layers,
        ):
            task.lifter.features(*maps)
        share = len(batch.frame) / len(rows)
        new = [share * attention_between(layer, tokens) for layer in weights]
        between = new if not between else [old + more for old, more in zip(between, new, strict=True)]
        for number, layer in enumerate(layers, 1):
            gates.setdefault(f"f′, layer {number}", []).append(layer.hidden)
            if layer.limb is not None:
                gates.setdefault(f"f″, layer {number}", []).append(layer.limb)
    recorded = {
        name: Gate(*(np.concatenate(part) for part in zip(*parts, strict=True))) for name, parts in gates.items()
    }
    return _Watched(run, store, rows, recorded, between)


def _maps(task: LiftingTask, store: FrameStore, rows: Sequence[int]) -> Iterator[tuple[Batch, Heatmaps]]:
    """Frames and their heatmaps, a few at a time."""
    for start in range(0, len(rows), AT_ONCE):
        batch = store.read(rows[start : start + AT_ONCE])
        with torch.inference_mode():
            yield batch, task.maps(batch)


def _tokens(encoder: GridViTEncoder, skeleton: Skeleton) -> TokenGrid:
    return TokenGrid(2, skeleton.num_heatmap_joints, round(encoder.tokens_per_map**0.5))


def _gates(watched: _Watched) -> Illustration:
    run, store = watched.run, watched.store
    groups = visibility_groups(store.read(watched.rows, images=False).visibility.numpy(), store.skeleton)
    motion = numbered(store.name_frames(watched.rows).motion)
    means = {name: gates_by_visibility(gate.mean, groups, motion) for name, gate in watched.gates.items()}
    told = "; ".join(f"{name} {_ends(gate)}" for name, gate in means.items())
    decided = ", ".join(f"{name} {gate.decided.mean():.1%}" for name, gate in watched.gates.items())
    return Illustration(
        f"gates_{run.dataset}",
        f"Gates of the propagation units and visibility ({run.dataset})",
        f"Mean over the features of f′, which scales the parent's hidden state, and f″, which scales the relational "
        f"feature (paper 3.3), by the number of views that see the joint and its parent; 0 views: occluded or out of "
        f"view. Below, each joint's own mean is taken away. Joints that hang off the root are left out: nothing comes "
        f"to them. {len(watched.rows)} test frames of {run.experiment}, seed {run.seed}, {run.maps} heatmaps. "
        f"Joint seen by no view, and by two (parent by two), each against the joint's own mean: {told}. Share of gates "
        f"below 0.25 or above 0.75: {decided}. A gate sees the joint feature only, not the parent. Intervals are 95%, "
        f"by bootstrap over motions.",
        f"Matrices of mean activations of {in_words(list(means))} by how many views see the joint and its parent.",
        gates_figure(means),
    )


def _ends(gate: GateMeans) -> str:
    means = [[float(values[k]) for values in gate.excess[:3]] for k in (2, 8)]
    return " and ".join(
        f"{signed(mean, 3)} [{'?' if np.isnan(low) else f'{signed(low, 3)}, {signed(high, 3)}'}]"
        for mean, low, high in means
    )


def _between(watched: _Watched) -> Illustration:
    run, skeleton = watched.run, watched.store.skeleton
    told = "; ".join(
        f"layer {number}: {s.itself:.1%} to its own map, {s.other_view:.1%} to its map in the other view, "
        f"{s.parent:.1%} to its parent's maps, {s.children:.1%} to its children's"
        for number, s in enumerate((attention_shares(layer, skeleton) for layer in watched.between), 1)
    )
    even = 1 / (2 * skeleton.num_heatmap_joints)
    return Illustration(
        f"attention_joints_{run.dataset}",
        f"Attention between joints ({run.dataset})",
        f"Share of the attention of a joint's tokens (row) that goes to another joint's (column), both views together, "
        f"mean over heads, tokens and {len(watched.rows)} test frames; circles mark the parents. {told}. If attention "
        f"were even, every map would get {even:.1%}. {run.experiment}, seed {run.seed}, {run.maps} heatmaps.",
        "Matrices of the attention that every joint pays to every other, one for each layer.",
        joint_attention_figure(watched.between, skeleton),
    )


def _attention(watched: _Watched, task: LiftingTask) -> Illustration:
    run, store = watched.run, watched.store
    channel, frames = _telling_joint(watched)
    tokens = _tokens(task.lifter.encoder, store.skeleton)
    (_, maps), *_ = _maps(task, store, list(frames.values()))
    with torch.inference_mode(), recorded_attention(task.lifter.encoder) as weights:
        task.lifter.encoder(maps.joint)
    layers = [joint_attention(layer, tokens, channel) for layer in weights]
    shown = [
        AttendingFrame(title, maps.joint[n].numpy(), [layer[n] for layer in layers]) for n, title in enumerate(frames)
    ]
    name = store.skeleton.joints[channel + 1]
    own = "; ".join(
        f"{frame.title}: {' and '.join(f'{layer[:, channel].sum():.1%}' for layer in frame.layers)}" for frame in shown
    )
    return Illustration(
        f"attention_{run.dataset}",
        f"What Grid ViT's tokens of {name} attend to ({run.dataset})",
        f"Attention that the tokens of {name} in both views pay to every patch of every map, mean over heads, in "
        f"multiples of an even share. Orange: the heatmap at half its peak's height. {name} is the joint that "
        f"is hidden nearest to half of the time; frames: of those in which both views see it, and of those in which "
        f"none does, the middle one. Part that goes to its own two maps, layer by layer: {own}. {run.experiment}, seed "
        f"{run.seed}, {run.maps} heatmaps.",
        f"A grid of small maps, one for each joint, layer and view, coloured by the attention that {name} pays to "
        f"their patches.",
        attention_figure(shown, store.skeleton, channel),
    )


def _telling_joint(watched: _Watched) -> tuple[int, dict[str, int]]:
    """The heatmap channel of the joint that is hidden nearest to half of the time, and a row of each kind by title."""
    batch = watched.store.read(watched.rows, images=False)
    states = joint_states(batch.visibility.numpy())[:, 1:]
    balance = np.minimum((states == _SEEN).mean(0), (states >= _HIDDEN).mean(0))
    channel = int(balance.argmax())
    frames = {}
    for title, there in (("seen by both", states[:, channel] == _SEEN), ("hidden", states[:, channel] >= _HIDDEN)):
        found = np.flatnonzero(there)
        if len(found):
            frames[title] = watched.rows[int(found[len(found) // 2])]
    return channel, frames or {"": watched.rows[len(watched.rows) // 2]}

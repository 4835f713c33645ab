"""Gates of the propagation units against visibility (paper 3.3)."""

from __future__ import annotations

import numpy as np

from egotap_pl.analysis.gate_openings import GateMeans, gates_by_visibility, visibility_groups
from egotap_pl.analysis.statistics import caveat, numbered
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.wording import in_words, signed
from egotap_pl.figures.gates import gates_figure
from egotap_pl.report.contents import Illustration
from egotap_pl.report.illustrations.recording import RecordedNetwork

TITLE = "Gates of the propagation units and visibility ({label})"
CAPTION = (
    "Mean over the features of f′, which scales the parent's hidden state, and f″, which scales the relational feature "
    "(paper 3.3), by the number of views that see the joint and its parent; 0 views: occluded or out of view. Below, "
    "minus each joint's own mean. Joints attached to the root are missing, as nothing is propagated to them. {frames} "
    "test frames of {run}. Joint seen by no view, and by two (parent by two), each minus the joint's own mean: {ends}. "
    "Share of gates below 0.25 or above 0.75: {decided}. A gate sees the joint feature only, not the parent. Intervals "
    "are 95%, by bootstrap over motions.{few}"
)
ALT = "Matrices of mean activations of {gates} by how many views see the joint and its parent."
UNSEEN, SEEN = 2, 8
"""Groups of `visibility_groups`: the joint is seen by no view or by two, and its parent by two."""


def gates_illustration(network: RecordedNetwork) -> Illustration:
    """The gates of a network by what the cameras see.

    Raises:
        EgotapError: if the propagation has no gates, or the data set does not say what the cameras see.
    """
    if not network.gates:
        raise EgotapError(f"the propagation of {network.method.name} has no PropagationUnit and so no gates")
    visibility = network.store.read(network.rows, images=False).visibility.numpy()
    groups = visibility_groups(visibility, network.store.skeleton)
    if not (groups >= 0).any():
        raise EgotapError("the data set does not say what the cameras see")
    motion = numbered(network.store.name_frames(network.rows).motion)
    means = {name: gates_by_visibility(gate.mean, groups, motion) for name, gate in network.gates.items()}
    return Illustration(
        name=f"gates_{network.stem}",
        title=TITLE.format(label=network.label),
        caption=CAPTION.format(
            few=caveat(int(motion.max()) + 1),
            frames=len(network.rows),
            run=network.words,
            ends="; ".join(f"{name} {_ends(gate)}" for name, gate in means.items()),
            decided=", ".join(f"{name} {gate.decided.mean():.1%}" for name, gate in network.gates.items()),
        ),
        alt=ALT.format(gates=in_words(list(means))),
        figure=gates_figure(means),
    )


def _ends(gate: GateMeans) -> str:
    means = [[float(values[group]) for values in gate.excess[:3]] for group in (UNSEEN, SEEN)]
    return " and ".join(
        f"{signed(mean, 3)} [{'?' if np.isnan(low) else f'{signed(low, 3)}, {signed(high, 3)}'}]"
        for mean, low, high in means
    )

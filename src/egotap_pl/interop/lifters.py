"""The published lifters by method."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.interop import baselines, egotap
from egotap_pl.interop.state import Published, fill, read_published


class Method(NamedTuple):
    """How a method's published lifter is made and filled.

    Fields:
        make: makes the network of ``skeleton`` and ``heatmap_px``, with the further ``arguments``.
        arguments: its further arguments.
        weights: translates published weights for a network that ``make`` made.
    """

    make: Callable[..., nn.Module]
    arguments: dict[str, Any]
    weights: Callable[[Published, Any], dict[str, Tensor]]


METHODS = ("egotap", "ego3dpose", "unrealego")
"""Methods whose weights can be loaded."""


def find_method(method: str, propagation: str = "pu") -> Method:
    """A method's published lifter.

    Raises:
        EgotapError: for an unknown method or propagation.
    """
    if propagation not in egotap.VARIANTS:
        raise EgotapError(f"there is no propagation {propagation!r}; there are {', '.join(egotap.VARIANTS)}")
    methods = {
        "egotap": Method(
            egotap.release_lifter,
            {"propagation": propagation},
            partial(egotap.lifter_weights, propagation=propagation),
        ),
        "ego3dpose": Method(baselines.ego3dpose_lifter, {}, baselines.ego3dpose_weights),
        "unrealego": Method(baselines.unrealego_lifter, {}, baselines.unrealego_weights),
    }
    if method not in methods:
        raise EgotapError(f"there is no release {method!r}; there are {', '.join(METHODS)}")
    return methods[method]


def load_lifter(method: str, source: Path | str, skeleton: Skeleton, propagation: str = "pu") -> nn.Module:
    """A published lifter, in evaluation mode.

    Args:
        method: ``egotap``, ``ego3dpose`` or ``unrealego``.
        source: folder with ``best_net_AutoEncoder.pth``.
        skeleton: whose pose it gives.
        propagation: EgoTAP's variant: ``none``, ``rf``, ``lstm``, ``alter``, ``concat`` or ``pu``; the others
            have none.

    Returns:
        From joint heatmaps ``b v j h w`` and limb heatmaps ``b v j 2 h w`` of 64 px to poses in cm, ``b e 3``: the rows
        of the release, which are those of ``skeleton.estimated``.

    Raises:
        EgotapError: for an unknown method or propagation, or if the file is missing, or its keys and shapes are not
            this network's.
    """
    found, published = find_method(method, propagation), read_published(source, "lifter")
    lifter = found.make(skeleton, **found.arguments)
    fill(lifter, found.weights(published, lifter))
    return lifter.eval()

"""The published lifters, by method."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.interop import baselines, egoposeformer, egotap
from egotap_pl.interop.state import Published, fill, read_lightning, read_published


class PublishedLifter(NamedTuple):
    """How the published lifter of a method is built and filled with weights."""

    make: Callable[..., nn.Module]
    """Factory of the network, called with ``skeleton``, ``heatmap_px`` and ``arguments``."""

    arguments: dict[str, Any]
    """Further arguments of the factory."""

    weights: Callable[[Published, Any], dict[str, Tensor]]
    """Translates a published state dict for a network of the factory."""

    read: Callable[[Path | str], Published] = partial(read_published, part="lifter")
    """Reads the published state dict."""

    rig: StereoRig | None = None
    """The cameras that the network projects with; None: it does not project."""


METHODS = ("egotap", "ego3dpose", "unrealego", "egoposeformer")
"""The methods whose weights can be loaded."""


def find_method(method: str, propagation: str = "pu") -> PublishedLifter:
    """The published lifter of a method, with EgoTAP's propagation.

    Raises:
        EgotapError: if the method or the propagation is unknown.
    """
    egotap.find_propagation(propagation)
    methods = {
        "egotap": PublishedLifter(
            egotap.release_lifter,
            {"propagation": propagation},
            partial(egotap.lifter_weights, propagation=propagation),
        ),
        "ego3dpose": PublishedLifter(baselines.ego3dpose_lifter, {}, baselines.ego3dpose_weights),
        "unrealego": PublishedLifter(baselines.unrealego_lifter, {}, baselines.unrealego_weights),
        "egoposeformer": PublishedLifter(
            egoposeformer.egoposeformer_lifter,
            {},
            egoposeformer.egoposeformer_weights,
            read=read_lightning,
            rig=egoposeformer.RIG,
        ),
    }
    if method not in methods:
        raise EgotapError(f"unknown release {method!r}: must be one of: {', '.join(METHODS)}")
    return methods[method]


def load_lifter(method: str, source: Path | str, skeleton: Skeleton, propagation: str = "pu") -> nn.Module:
    """A published lifter, in evaluation mode.

    Args:
        method: ``egotap``, ``ego3dpose``, ``unrealego`` or ``egoposeformer``.
        source: folder with ``best_net_AutoEncoder.pth``; for ``egoposeformer``, its checkpoint or the folder of it.
        skeleton: the skeleton of the heatmaps and of the pose.
        propagation: EgoTAP's propagation: ``none``, ``rf``, ``lstm``, ``alter``, ``concat`` or ``pu``. The other
            methods have none.

    Returns:
        A network from joint heatmaps ``b v j h w`` and limb heatmaps ``b v j 2 h w`` of 64 px to poses in cm,
        ``b e 3``. The rows are those of the release and of ``skeleton.estimated``. That of ``egoposeformer`` reads
        ImageNet-normalised images ``b v 3 256 256`` and the true position of the pelvis in each camera's frame,
        ``b v 3``, cm.

    Raises:
        EgotapError: if the method or the propagation is unknown, the file is missing, or its keys and shapes do not fit
            the network.
    """
    release = find_method(method, propagation)
    published = release.read(source)
    lifter = release.make(skeleton, **release.arguments)
    fill(lifter, release.weights(published, lifter))
    return lifter.eval()

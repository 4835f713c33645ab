"""Published heatmap estimators. The releases of EgoTAP, Ego3DPose and UnrealEgo share one network and its names."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.interop.sizes import DECODER_WIDTHS, LATERAL_WIDTHS
from egotap_pl.interop.state import Entry, Published, Spare, fill, read_published, renamed, same, translate
from egotap_pl.nn.estimator import JointEstimator, LimbEstimator, StereoUNet

_BACKBONE = "backbone.backbone."
# The release has each part of the backbone twice: second name -> name in the ResNet.
_COPIES = {
    "layer0.0": "conv1",
    "layer0.1": "bn1",
    "layer1.1": "layer1",
    "layer2": "layer2",
    "layer3": "layer3",
    "layer4": "layer4",
}
_CLASSES = 1000  # of ImageNet: the releases' files contain the classifier, which is not used
KINDS = {"joint": JointEstimator, "limb": LimbEstimator}


def load_estimator(source: Path | str, kind: str, skeleton: Skeleton) -> StereoUNet:
    """A published heatmap estimator, in evaluation mode.

    Args:
        source: folder with ``best_net_HeatMap.pth`` (joints) or ``best_net_RotHeatMap.pth`` (limbs).
        kind: ``joint`` or ``limb``.
        skeleton: the skeleton of the heatmaps. Ego3DPose's limb estimator omits the limb at the root, for which the
            result gives zeros.

    Returns:
        A network from ImageNet-normalised images ``b v 3 h w`` to heatmaps ``b v j h/4 w/4``. Limb heatmaps have an
        axis of 2, cosine and sine, after ``j``.

    Raises:
        EgotapError: if the kind is unknown, the file is missing, or its keys and shapes do not fit the network.
    """
    if kind not in KINDS:
        raise EgotapError(f"unknown kind of estimator {kind!r}: must be one of: {', '.join(KINDS)}")
    published = read_published(source, kind)
    estimator = KINDS[kind](skeleton, lateral_widths=LATERAL_WIDTHS, decoder_widths=DECODER_WIDTHS)
    fill(estimator, estimator_weights(published, estimator, skeleton))
    return estimator.eval()


def estimator_weights(published: Published, estimator: StereoUNet, skeleton: Skeleton) -> dict[str, Tensor]:
    """The published weights under the names of ``estimator``.

    Args:
        published: the published state dict.
        estimator: the network that gets the weights.
        skeleton: the skeleton of its heatmaps.

    Raises:
        EgotapError: if keys or shapes do not fit.
    """
    backbone = estimator.backbone
    entries = same(backbone, "backbone.", f"{_BACKBONE}backbone.")
    names = {f"laterals.{k}.0": f"after_backbone.layer{k + 1}_1x1.0" for k in range(4)}
    names |= {f"decoder.{k}.0": f"after_backbone.conv_up{3 - k}.0" for k in range(3)}
    entries += renamed(estimator, "", names)
    entries += _maps_entries(published, estimator, skeleton)
    spares = [Spare(f"{_BACKBONE}backbone.fc.{name}", shape) for name, shape in _classifier(backbone.channels[-1])]
    spares += [
        Spare(f"{_BACKBONE}{copy}.{name}", tuple(tensor.shape), f"{_BACKBONE}backbone.{original}.{name}")
        for copy, original in _COPIES.items()
        for name, tensor in backbone.get_submodule(original).state_dict().items()
    ]
    return translate(published, entries, spares)


def _maps_entries(published: Published, estimator: StereoUNet, skeleton: Skeleton) -> list[Entry]:
    """Entries of the last convolution, with zeros for the root's limb if the published one omits it."""
    name = "after_backbone.conv_heatmap"
    limbs, head = skeleton.num_heatmap_joints, estimator.to_maps
    without_root = NUM_VIEWS * 2 * (limbs - 1)
    bias = published.tensors.get(f"{name}.bias")
    if isinstance(estimator, LimbEstimator) and bias is not None and bias.shape == (without_root,):
        return [
            Entry(f"to_maps.{key}", {f"{name}.{key}": (without_root, *tensor.shape[1:])}, partial(_pad, limbs=limbs))
            for key, tensor in head.state_dict().items()
        ]
    return same(head, "to_maps.", f"{name}.")


def _pad(tensor: Tensor, limbs: int) -> Tensor:
    """Adds zeros for the root's limb to channels ordered by view, cosine or sine, and limb."""
    parts = tensor.unflatten(0, (NUM_VIEWS, 2, limbs - 1))
    return torch.cat((torch.zeros_like(parts[:, :, :1]), parts), 2).flatten(0, 2)


def _classifier(channels: int) -> list[tuple[str, tuple[int, ...]]]:
    return [("weight", (_CLASSES, channels)), ("bias", (_CLASSES,))]

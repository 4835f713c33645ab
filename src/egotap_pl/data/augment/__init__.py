"""Augmentation of training batches on their device, which keeps the geometry of a calibrated stereo rig.

Colours may change freely. Pixels may move only together with points, poses and views. All randomness comes from the
generator argument, which lives on the batch's device.
"""

from egotap_pl.data.augment.in_turn import Augmentation, InTurn, check_frames, check_heatmaps, check_windows, made
from egotap_pl.data.augment.jpeg import Jpeg
from egotap_pl.data.augment.mirror import SwapMirror, check_heatmap_mirror, check_mirror, swap_mirror
from egotap_pl.data.augment.photometric import Photometric, blurred

__all__ = [
    "Augmentation",
    "InTurn",
    "Jpeg",
    "Photometric",
    "SwapMirror",
    "blurred",
    "check_frames",
    "check_heatmap_mirror",
    "check_heatmaps",
    "check_mirror",
    "check_windows",
    "made",
    "swap_mirror",
]

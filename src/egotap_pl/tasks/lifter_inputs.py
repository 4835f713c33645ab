"""What a lifter reads of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from egotap_pl.core.batch import Batch, Heatmaps
from egotap_pl.core.errors import EgotapError
from egotap_pl.nn.image_lifters import HEATMAPS
from egotap_pl.nn.images import normalise_images


def reads_heatmaps(names: Sequence[str]) -> bool:
    """Whether there are heatmaps among the names of a lifter's inputs."""
    return not {*HEATMAPS}.isdisjoint(names)


def check_uncached(names: Sequence[str]) -> None:
    """Checks that a lifter can be trained on cached heatmaps, which are read in place of images.

    Raises:
        EgotapError: if it reads images.
    """
    if "images" in names:
        raise EgotapError(
            "the lifter reads images, but cached heatmaps are read in place of images: give heatmaps.cache=false, or "
            "heatmaps=none for a lifter that reads no heatmaps"
        )


def lifter_inputs(names: Sequence[str], batch: Batch, maps: Callable[[Batch], Heatmaps]) -> tuple[Tensor, ...]:
    """The inputs of a lifter.

    Args:
        names: their names, of `egotap_pl.nn.image_lifters.INPUTS`, in the order of the lifter's arguments.
        batch: the frames.
        maps: gives the heatmaps of a batch; called only if the lifter reads heatmaps.

    Raises:
        EgotapError: if it reads images and the batch has cached heatmaps instead.
    """
    values: dict[str, Tensor] = {"origin_cm": batch.origin_cm}
    if reads_heatmaps(names):
        values |= dict(zip(HEATMAPS, maps(batch), strict=True))
    if "images" in names:
        if not batch.images.shape[-1]:
            check_uncached(names)
        values["images"] = normalise_images(batch.images)
    return tuple(values[name] for name in names)

"""The point that poses are relative to: the headset, as the benchmarks measure, or the pelvis, as in UnrealEgo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.device_relative.labels import Labels


@runtime_checkable
class Origin(Protocol):
    """The origin of poses."""

    def identity(self) -> str:
        """Name of the origin, which becomes part of the source's identity."""
        ...

    def __call__(self, labels: Labels) -> Float64[np.ndarray, "v 3"]:
        """The origin of a frame in each camera's frame.

        Raises:
            EgotapError: if the frame does not say where it is.
        """
        ...


@dataclass(frozen=True)
class Device:
    """The midpoint of the cameras. The MPJPE of these poses is that of the benchmarks: nothing is aligned."""

    def identity(self) -> str:
        """Name of the origin."""
        return "device"

    def __call__(self, labels: Labels) -> Float64[np.ndarray, "v 3"]:
        """See `Origin`."""
        return np.stack([transform.translation_cm for transform in labels.device])


@dataclass(frozen=True)
class Pelvis:
    """The pelvis; in data sets without that joint, the midpoint of the hips."""

    def identity(self) -> str:
        """Name of the origin."""
        return "pelvis"

    def __call__(self, labels: Labels) -> Float64[np.ndarray, "v 3"]:
        """See `Origin`."""
        if labels.pelvis_cm is None:
            raise EgotapError(
                "the file does not say where the pelvis is, so that the pose cannot be relative to it: take "
                "device-relative poses, data.source.origin._target_=egotap_pl.data.device_relative.Device"
            )
        return labels.pelvis_cm

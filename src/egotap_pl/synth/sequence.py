"""Films of a wearer in motion: from a clip, a subject, surroundings and a mount to pictures and ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.synth.body import Body
from egotap_pl.synth.figure import Clip, forward_kinematics
from egotap_pl.synth.motion.ground import lowest_cm
from egotap_pl.synth.mount import HeadMount, both_cameras
from egotap_pl.synth.render import Pictures, PosedBody, Renderer
from egotap_pl.synth.surroundings import Surroundings
from egotap_pl.synth.truth import Truth, ground_truth

_CAMERA_CLEARANCE_CM = 4.0


class Film(NamedTuple):
    """Rendered frames and their ground truth."""

    pictures: Pictures
    """What the cameras see."""
    truth: Truth
    """Ground truth of the same frames."""


def pose_body(body: Body, mount: HeadMount, clip: Clip, frames: Sequence[int], heading_rad: float) -> PosedBody:
    """Pose a body as in some frames of a clip, rotated about the vertical.

    Clips are made for the average figure. The path is scaled to the subject's legs, and the subject is as far above the
    ground as the average figure would be, so that neither body nor cameras sink into it.

    Args:
        body: the subject's body.
        mount: the rig on its head.
        clip: the motion.
        frames: indices of the clip's frames.
        heading_rad: rotation of the whole motion about the vertical.
    """
    turn = _about_y(heading_rad)
    rotations, root = clip.rotations[list(frames)], clip.root_cm[list(frames)]
    lift = lowest_cm(rotations, root).clamp(min=0) * body.subject.scale
    rotations = torch.cat((turn @ rotations[:, :1], rotations[:, 1:]), 1)
    path = root @ turn.T * (body.subject.scale * body.subject.leg)
    positions, orientations = forward_kinematics(body.offsets_cm, rotations, path)
    centre, axes = mount.left_camera(positions, orientations)
    cameras = both_cameras(mount.rig, centre, axes)[1][..., 1].amin(-1) - _CAMERA_CLEARANCE_CM
    rise = lift - torch.minimum(body.lowest_cm(positions, orientations), cameras)
    up = torch.stack((torch.zeros_like(rise), rise, torch.zeros_like(rise)), -1)
    positions = positions + up[:, None]
    return PosedBody(positions, body.place(positions, orientations), centre + up, axes)


@dataclass(frozen=True)
class Camera:
    """Renders frames together with their ground truth."""

    renderer: Renderer
    """Renderer of the mount's rig."""
    skeleton: Skeleton
    """Skeleton of the ground truth."""
    at_once: int = 8
    """Number of frames rendered together. The last bit of a frame may depend on it."""

    @torch.no_grad()
    def film(self, body: Body, posed: PosedBody, surroundings: Surroundings) -> Film:
        """Pictures and ground truth of every frame.

        Args:
            body: the subject's body.
            posed: its frames in the world.
            surroundings: where the subject is.
        """
        device = self.renderer.device
        body, surroundings = body.to(device), surroundings.to(device)
        shots = [self._shoot(body, few.to(device), surroundings) for few in posed.split(self.at_once)]
        pictures, truths = zip(*shots, strict=True)
        return Film(
            Pictures(*(torch.cat(x).cpu() for x in zip(*pictures, strict=True))),
            Truth(*(torch.cat(x).cpu() for x in zip(*truths, strict=True))),
        )

    def _shoot(self, body: Body, posed: PosedBody, surroundings: Surroundings) -> Film:
        ray_cast = self.renderer.cast(body, posed)
        bones_left = (posed.bones_cm - posed.centre_cm[:, None]) @ posed.axes
        truth = ground_truth(self.skeleton, self.renderer.rig, body, bones_left, ray_cast.cones)
        return Film(self.renderer.paint(ray_cast, body, posed, surroundings), truth)


def _about_y(angle_rad: float) -> Float[Tensor, "3 3"]:
    c, s = torch.cos(torch.tensor(angle_rad)).item(), torch.sin(torch.tensor(angle_rad)).item()
    return torch.tensor(((c, 0.0, s), (0.0, 1.0, 0.0), (-s, 0.0, c)))

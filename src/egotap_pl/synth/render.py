"""A stereo fisheye picture of a body in a scene."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from egotap_pl.core.camera import StereoRig
from egotap_pl.synth.body import PARTS, Body, PlacedParts
from egotap_pl.synth.mount import both_cameras
from egotap_pl.synth.roundcone import RoundCones
from egotap_pl.synth.shade import lit, surface
from egotap_pl.synth.surroundings import Shadow, Surroundings
from egotap_pl.synth.tiles import NOTHING, Hits, Tiles, cast, may_meet

_DARK = 4 / 255  # what a lens shows outside its image circle


class Pictures(NamedTuple):
    """What the cameras see.

    Fields:
        images: RGB.
        part: index into `body.PARTS` of what a pixel shows, `tiles.NOTHING` for the scene and outside the image circle.
    """

    images: UInt8[Tensor, "f v 3 h w"]
    part: Int[Tensor, "f v h w"]


class PosedBody(NamedTuple):
    """A body's frames in the world, and the rig that sees them.

    Fields:
        bones_cm: every bone's origin.
        pose: the body's parts.
        centre_cm: the left camera.
        axes: its axes, as columns.
    """

    bones_cm: Float[Tensor, "f bone 3"]
    pose: PlacedParts
    centre_cm: Float[Tensor, "f 3"]
    axes: Float[Tensor, "f 3 3"]

    def to(self, device: torch.device) -> PosedBody:
        """The same on another device."""
        pose = PlacedParts(*(x.to(device) for x in self.pose))
        return PosedBody(self.bones_cm.to(device), pose, self.centre_cm.to(device), self.axes.to(device))

    def split(self, frames: int) -> list[PosedBody]:
        """The same, so many frames at a time."""
        poses = zip(*(x.split(frames) for x in self.pose), strict=True)
        rest = zip(self.bones_cm.split(frames), self.centre_cm.split(frames), self.axes.split(frames), strict=True)
        return [
            PosedBody(bones, PlacedParts(*pose), *camera) for pose, (bones, *camera) in zip(poses, rest, strict=True)
        ]


class RayCast(NamedTuple):
    """What rays met, and the parts that they were cast at.

    Fields:
        hits: per frame, tile and ray.
        cones: the parts, as rays meet them.
        pose: the parts in each view's camera frame, (frame, view, part).
    """

    hits: Hits
    cones: RoundCones
    pose: PlacedParts


class Renderer:
    """Renders a rig's stereo pictures, many frames at a time, on any device."""

    def __init__(self, rig: StereoRig, image_px: int, device: torch.device | str = "cpu") -> None:
        self.rig, self.image_px, self.device = rig, image_px, torch.device(device)
        self.tiles = Tiles.of(rig, image_px, self.device)
        self._rays = self.tiles.rays.transpose(0, 1).reshape(3, -1).contiguous()
        self._view = self.tiles.view.repeat_interleave(self.tiles.rays.shape[-1])
        self._views = [(self._view == view).nonzero()[:, 0] for view in range(2)]

    @torch.no_grad()
    def render(self, body: Body, posed: PosedBody, scene: Surroundings) -> Pictures:
        """The pictures of a body's frames in a scene."""
        return self.paint(self.cast(body, posed), body, posed, scene)

    @torch.no_grad()
    def cast(self, body: Body, posed: PosedBody, cull: bool = True) -> RayCast:
        """What every ray meets first; ``cull=False`` tries every part on every tile (the slow way, for checks)."""
        to_world, centres = both_cameras(self.rig, posed.centre_cm, posed.axes)
        start, end = (_in_views(x, to_world, centres) for x in (posed.pose.start_cm, posed.pose.end_cm))
        thin = torch.einsum("fvij,fpi->fvpj", to_world, posed.pose.thin)
        weave = torch.einsum("fvij,fpki->fvpkj", to_world, posed.pose.weave)
        cones = RoundCones.prepare(start, end, thin, body.thinness, body.radii_cm)
        tried = may_meet(self.tiles, start, end, body.radii_cm)
        if not cull:
            tried = torch.ones_like(tried)
        return RayCast(cast(self.tiles, cones, tried), cones, PlacedParts(start, end, thin, weave))

    @torch.no_grad()
    def paint(self, seen: RayCast, body: Body, posed: PosedBody, scene: Surroundings) -> Pictures:
        """The pictures of what `cast` saw."""
        to_world, centres = both_cameras(self.rig, posed.centre_cm, posed.axes)
        shadow = Shadow.of(body, posed.pose, scene.to_sun)
        tiles, frames = self.tiles, len(centres)
        colour = centres.new_full((frames, tiles.pixel.numel(), 3), _DARK)
        part = torch.where(tiles.inside, seen.hits.part, NOTHING).view(frames, -1)
        for frame in range(frames):  # one by one: a frame's rays stay in a core's cache
            empty = part[frame] == NOTHING
            for view, own in enumerate(self._views):
                rays = own[empty[own] & tiles.inside.view(-1)[own]]
                world = to_world[frame, view] @ self._rays[:, rays]
                pixel_rad = 2 * self.rig.cameras[view].max_angle_rad / self.image_px
                colour[frame, rays] = scene.background(centres[frame, view], world, shadow, frame, pixel_rad)
            rays = (~empty).nonzero()[:, 0]
            hits = seen.hits.distance_cm[frame].view(-1)[rays], part[frame, rays].long(), rays
            colour[frame, rays] = self._body(
                hits, PlacedParts(*(x[frame] for x in seen.pose)), body, scene, to_world[frame]
            )
        pixels = colour.clamp_(0, 1).mul_(255).round_().to(torch.uint8)
        images = tiles.picture(pixels.view(*seen.hits.part.shape, 3), int(_DARK * 255))
        return Pictures(images, tiles.picture(part.view(*seen.hits.part.shape, 1), NOTHING)[:, :, 0])

    def _body(
        self,
        hits: tuple[Float[Tensor, "n"], Int[Tensor, "n"], Int[Tensor, "n"]],
        pose: PlacedParts,
        body: Body,
        scene: Surroundings,
        to_world: Float[Tensor, "v 3 3"],
    ) -> Float[Tensor, "n 3"]:
        """Colours where rays of one frame meet the body: distance, part and ray of each."""
        distance, part, rays = hits
        view = self._view[rays]
        points = (self._rays[:, rays] * distance).T
        normals, bare = surface(points, pose, body, part, view * len(PARTS) + part)
        lights = torch.stack((scene.to_sun, scene.to_sun.new_tensor((0.0, 1.0, 0.0))))
        to_sun, up = (lights @ to_world)[view].unbind(1)
        return lit(normals, bare, to_sun, up, scene)


def _in_views(
    world_cm: Float[Tensor, "f part 3"], to_world: Float[Tensor, "f v 3 3"], centres: Float[Tensor, "f v 3"]
) -> Float[Tensor, "f v part 3"]:
    return torch.einsum("fvij,fvpi->fvpj", to_world, world_cm[:, None] - centres[:, :, None])

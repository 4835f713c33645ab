"""A stereo fisheye picture of a body in a scene."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from egotap_pl.core.camera import StereoRig
from egotap_pl.synth.body import PARTS, Body, Pose
from egotap_pl.synth.mount import both_cameras
from egotap_pl.synth.roundcone import RoundCones
from egotap_pl.synth.scene import Scene, Shadow
from egotap_pl.synth.shade import lit, surface
from egotap_pl.synth.tiles import NOTHING, Hits, Tiles, cast, may_meet

_DARK = 4  # what a lens shows outside its image circle


class Pictures(NamedTuple):
    """What the cameras see.

    Fields:
        images: RGB.
        part: index into `body.PARTS` of what a pixel shows, `tiles.NOTHING` for the scene and outside the image circle.
    """

    images: UInt8[Tensor, "f v 3 h w"]
    part: Int[Tensor, "f v h w"]


class Posed(NamedTuple):
    """A body's frames in the world, and the rig that sees them.

    Fields:
        bones_cm: every bone's origin.
        pose: the body's parts.
        centre_cm: the left camera.
        axes: its axes, as columns.
    """

    bones_cm: Float[Tensor, "f bone 3"]
    pose: Pose
    centre_cm: Float[Tensor, "f 3"]
    axes: Float[Tensor, "f 3 3"]

    def to(self, device: torch.device) -> Posed:
        """The same on another device."""
        pose = Pose(*(x.to(device) for x in self.pose))
        return Posed(self.bones_cm.to(device), pose, self.centre_cm.to(device), self.axes.to(device))

    def split(self, frames: int) -> list[Posed]:
        """The same, so many frames at a time."""
        poses = zip(*(x.split(frames) for x in self.pose), strict=True)
        rest = zip(self.bones_cm.split(frames), self.centre_cm.split(frames), self.axes.split(frames), strict=True)
        return [Posed(bones, Pose(*pose), *camera) for pose, (bones, *camera) in zip(poses, rest, strict=True)]


class Seen(NamedTuple):
    """What rays met, and the parts that they were cast at.

    Fields:
        hits: per frame, tile and ray.
        cones: the parts, as rays meet them.
        pose: the parts in each view's camera frame, (frame, view, part).
    """

    hits: Hits
    cones: RoundCones
    pose: Pose


class Renderer:
    """Renders a rig's stereo pictures, many frames at a time, on any device."""

    def __init__(self, rig: StereoRig, image_px: int, device: torch.device | str = "cpu") -> None:
        self.rig, self.image_px, self.device = rig, image_px, torch.device(device)
        self.tiles = Tiles.of(rig, image_px, self.device)
        self._rays = self.tiles.rays.mT.reshape(-1, 3).contiguous()

    @torch.no_grad()
    def render(self, body: Body, posed: Posed, scene: Scene) -> Pictures:
        """The pictures of a body's frames in a scene."""
        return self.paint(self.cast(body, posed), body, posed, scene)

    @torch.no_grad()
    def cast(self, body: Body, posed: Posed, cull: bool = True) -> Seen:
        """What every ray meets first; ``cull=False`` tries every part on every tile (the slow way, for checks)."""
        to_world, centres = both_cameras(self.rig, posed.centre_cm, posed.axes)
        start, end = (_in_views(x, to_world, centres) for x in (posed.pose.start_cm, posed.pose.end_cm))
        thin = torch.einsum("fvij,fpi->fvpj", to_world, posed.pose.thin)
        weave = torch.einsum("fvij,fpki->fvpkj", to_world, posed.pose.weave)
        cones = RoundCones.prepare(start, end, thin, body.thinness, body.radii_cm)
        tried = may_meet(self.tiles, start, end, body.radii_cm)
        if not cull:
            tried = torch.ones_like(tried)
        return Seen(cast(self.tiles, cones, tried), cones, Pose(start, end, thin, weave))

    @torch.no_grad()
    def paint(self, seen: Seen, body: Body, posed: Posed, scene: Scene) -> Pictures:
        """The pictures of what `cast` saw."""
        to_world, centres = both_cameras(self.rig, posed.centre_cm, posed.axes)
        colour = self._background(to_world, centres, scene, Shadow.of(body, posed.pose, scene.to_sun))
        self._paint_body(colour, seen, body, scene, to_world)
        colour = colour.clamp_(0, 1).mul_(255).round_().to(torch.uint8)
        frames, px, pixel = len(colour), self.image_px, self.tiles.pixel[self.tiles.inside]
        images = torch.full((frames, 2 * px * px, 3), _DARK, dtype=torch.uint8, device=colour.device)
        images[:, pixel] = colour[:, self.tiles.inside]
        part = torch.full((frames, 2 * px * px), NOTHING, dtype=torch.int16, device=colour.device)
        part[:, pixel] = seen.hits.part[:, self.tiles.inside]
        images = images.view(frames, 2, px, px, 3).permute(0, 1, 4, 2, 3).contiguous()
        return Pictures(images, part.view(frames, 2, px, px))

    def _background(
        self, to_world: Float[Tensor, "f v 3 3"], centres: Float[Tensor, "f v 3"], scene: Scene, shadow: Shadow
    ) -> Float[Tensor, "f c p 3"]:
        left, views = self.tiles.left, []
        for view, rays in enumerate((self.tiles.rays[:left], self.tiles.rays[left:])):
            world = rays.mT.reshape(-1, 3) @ to_world[:, view].mT
            views.append(scene.seen(centres[:, view], world, shadow).view(len(world), len(rays), -1, 3))
        return torch.cat(views, 1)

    def _paint_body(
        self, colour: Float[Tensor, "f c p 3"], seen: Seen, body: Body, scene: Scene, to_world: Float[Tensor, "f v 3 3"]
    ) -> None:
        """Puts the body over the background, in place."""
        part, views = seen.hits.part, 2
        rays_per_tile = part.shape[-1]
        flat = (part.view(-1) != NOTHING).nonzero()[:, 0]
        parts = part.view(-1)[flat].long()
        ray = flat % (part.shape[1] * rays_per_tile)
        eye = flat // (part.shape[1] * rays_per_tile) * views + self.tiles.view[ray // rays_per_tile]
        points = self._rays[ray] * seen.hits.distance_cm.view(-1)[flat][:, None]
        normals, bare = surface(points, seen.pose, body, parts, eye * len(PARTS) + parts)
        lights = torch.stack((scene.to_sun, scene.to_sun.new_tensor((0.0, 1.0, 0.0))))
        in_view = (lights @ to_world).view(-1, 6)[eye]
        colour.view(-1, 3)[flat] = lit(normals, bare, in_view[:, :3], in_view[:, 3:], scene)


def _in_views(
    world_cm: Float[Tensor, "f part 3"], to_world: Float[Tensor, "f v 3 3"], centres: Float[Tensor, "f v 3"]
) -> Float[Tensor, "f v part 3"]:
    return torch.einsum("fvij,fvpi->fvpj", to_world, world_cm[:, None] - centres[:, :, None])

"""Stereo fisheye pictures of a body in its surroundings."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from egotap_pl.core.camera import StereoRig
from egotap_pl.synth.body import Body, PlacedParts
from egotap_pl.synth.mount import both_cameras
from egotap_pl.synth.roundcone import RoundCones
from egotap_pl.synth.shade import shaded, surface
from egotap_pl.synth.surroundings import Shadow, Surroundings
from egotap_pl.synth.tiles import NOTHING, Hits, Tiles, cast, least_distance, may_meet

_DARK = 0.0  # brightness outside the image circle, as in UnrealEgo


class Pictures(NamedTuple):
    """What the cameras see."""

    images: UInt8[Tensor, "f v 3 h w"]
    """RGB."""
    part: Int[Tensor, "f v h w"]
    """Index into `Body.parts` of the part at each pixel; `tiles.NOTHING` for the surroundings and outside the image
    circle."""


class PosedBody(NamedTuple):
    """Frames of a body and of the rig that it wears, in the world."""

    bones_cm: Float[Tensor, "f bone 3"]
    """Origin of every bone."""
    parts: PlacedParts
    """The body parts."""
    centre_cm: Float[Tensor, "f 3"]
    """Centre of the left camera."""
    axes: Float[Tensor, "f 3 3"]
    """Axes of the left camera, as columns."""

    def to(self, device: torch.device) -> PosedBody:
        """The same frames on another device."""
        parts = PlacedParts(*(x.to(device) for x in self.parts))
        return PosedBody(self.bones_cm.to(device), parts, self.centre_cm.to(device), self.axes.to(device))

    def split(self, frames: int) -> list[PosedBody]:
        """The same in pieces of at most ``frames`` frames."""
        parts = zip(*(x.split(frames) for x in self.parts), strict=True)
        rest = zip(self.bones_cm.split(frames), self.centre_cm.split(frames), self.axes.split(frames), strict=True)
        return [PosedBody(bones, PlacedParts(*few), *camera) for few, (bones, *camera) in zip(parts, rest, strict=True)]


class RayCast(NamedTuple):
    """What the rays of a picture hit, and the body parts in the cameras' frames."""

    hits: Hits
    """The first hit of each ray."""
    cones: RoundCones
    """The parts of every frame and view, prepared for intersection with rays."""
    parts: PlacedParts
    """The parts in each view's camera frame, (frame, view, part)."""


class Renderer:
    """Renders stereo pictures, many frames at a time, on any device.

    Args:
        rig: the two cameras.
        image_px: side of the pictures.
        device: where to render.

    Raises:
        ValueError: if ``image_px`` is not a multiple of 8, the side of a tile.
    """

    def __init__(self, rig: StereoRig, image_px: int, device: torch.device | str = "cpu") -> None:
        self.rig, self.image_px, self.device = rig, image_px, torch.device(device)
        self.tiles = Tiles.of(rig, image_px, self.device)
        self._rays = self.tiles.rays.transpose(0, 1).reshape(3, -1).contiguous()
        self._view = self.tiles.view.repeat_interleave(self.tiles.rays.shape[-1])
        self._views = [(self._view == view).nonzero()[:, 0] for view in range(2)]

    @torch.no_grad()
    def render(self, body: Body, posed: PosedBody, surroundings: Surroundings) -> Pictures:
        """Pictures of a body in its surroundings.

        Args:
            body: the body.
            posed: its frames in the world.
            surroundings: where it is.
        """
        return self.paint(self.cast(body, posed), body, posed, surroundings)

    @torch.no_grad()
    def cast(self, body: Body, posed: PosedBody, cull: bool = True) -> RayCast:
        """Find what every ray hits first.

        Args:
            body: the body.
            posed: its frames in the world.
            cull: whether to try only the parts that a tile can meet and may see; False is slow, and a check of True.
        """
        to_world, centres = both_cameras(self.rig, posed.centre_cm, posed.axes)
        start, end = (_in_views(x, to_world, centres) for x in (posed.parts.start_cm, posed.parts.end_cm))
        thin = torch.einsum("fvij,fpi->fvpj", to_world, posed.parts.thin)
        weave = torch.einsum("fvij,fpki->fvpkj", to_world, posed.parts.weave)
        cones = RoundCones.prepare(start, end, thin, body.thinness, body.radii_cm)
        candidates = may_meet(self.tiles, start, end, body.radii_cm)
        least = least_distance(start, end, body.radii_cm)
        if not cull:
            candidates, least = torch.ones_like(candidates), torch.zeros_like(least)
        return RayCast(cast(self.tiles, cones, candidates, least), cones, PlacedParts(start, end, thin, weave))

    @torch.no_grad()
    def paint(self, ray_cast: RayCast, body: Body, posed: PosedBody, surroundings: Surroundings) -> Pictures:
        """Pictures from the result of `cast`.

        Args:
            ray_cast: what `cast` returned for the same body and frames.
            body: the body.
            posed: its frames in the world.
            surroundings: where it is.
        """
        to_world, centres = both_cameras(self.rig, posed.centre_cm, posed.axes)
        shadow = Shadow.of(body, posed.parts, surroundings.to_sun)
        tiles, frames = self.tiles, len(centres)
        colour = centres.new_full((frames, tiles.pixel.numel(), 3), _DARK)
        part = torch.where(tiles.inside, ray_cast.hits.part, NOTHING).view(frames, -1)
        for frame in range(frames):  # one by one: the rays of a frame stay in the cache of a core
            empty = part[frame] == NOTHING
            for view, own in enumerate(self._views):
                rays = own[empty[own] & tiles.inside.view(-1)[own]]
                world = to_world[frame, view] @ self._rays.index_select(1, rays)
                pixel_rad = 2 * self.rig.cameras[view].max_angle_rad / self.image_px
                seen = surroundings.background(centres[frame, view], world, shadow, frame, pixel_rad)
                colour[frame].index_copy_(0, rays, seen)
            rays = (~empty).nonzero()[:, 0]
            hits = ray_cast.hits.distance_cm[frame].view(-1)[rays], part[frame, rays].long(), rays
            parts = PlacedParts(*(x[frame] for x in ray_cast.parts))
            colour[frame].index_copy_(0, rays, self._body(hits, parts, body, surroundings, to_world[frame]))
        pixels = colour.clamp_(0, 1).mul_(255).round_().to(torch.uint8)
        images = tiles.picture(pixels.view(*ray_cast.hits.part.shape, 3), int(_DARK * 255))
        return Pictures(images, tiles.picture(part.view(*ray_cast.hits.part.shape, 1), NOTHING)[:, :, 0])

    def _body(
        self,
        hits: tuple[Float[Tensor, "n"], Int[Tensor, "n"], Int[Tensor, "n"]],
        parts: PlacedParts,
        body: Body,
        surroundings: Surroundings,
        to_world: Float[Tensor, "v 3 3"],
    ) -> Float[Tensor, "n 3"]:
        """Colours where rays of one frame hit the body; ``hits`` are the distance, part and index of each ray."""
        distance, part, rays = hits
        view = self._view[rays]
        points = (self._rays.index_select(1, rays) * distance).T
        normals, bare = surface(points, parts, body, part, view * len(body.parts) + part)
        lights = torch.stack((surroundings.to_sun, surroundings.to_sun.new_tensor((0.0, 1.0, 0.0))))
        to_sun, up = (lights @ to_world)[view].unbind(1)
        return shaded(normals, bare, to_sun, up, surroundings)


def _in_views(
    world_cm: Float[Tensor, "f part 3"], to_world: Float[Tensor, "f v 3 3"], centres: Float[Tensor, "f v 3"]
) -> Float[Tensor, "f v part 3"]:
    return torch.einsum("fvij,fvpi->fvpj", to_world, world_cm[:, None] - centres[:, :, None])

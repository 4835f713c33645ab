"""Ray casting tile by tile: for each tile, only the parts that its cone of rays can meet are tried."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import StereoRig
from egotap_pl.synth.roundcone import MISS, RoundCones, meet

TILE_PX = 8
"""Side of a tile in pixels."""
NOTHING = -1
"""Part number of a ray that does not hit the body."""
_ROUNDING_CM = 0.01  # more than the rounding of distances
_COVER = 4  # number of spheres that cover a part
_AT_ONCE = 2048  # pairs of part and tile per step: their rays stay in the cache of a core


class Tiles(NamedTuple):
    """The rays of a stereo picture in tiles of 8 x 8 px: the c tiles that see anything, the left view's first."""

    rays: Float[Tensor, "c 3 p"]
    """Unit rays in the frame of the view's camera."""
    cone: Float[Tensor, "c 5"]
    """Cone around each tile's rays: its axis, and sine and minus cosine of its half angle, as `may_meet` needs them."""
    view: Int[Tensor, "c"]
    """View of each tile."""
    pixel: Int[Tensor, "c p"]
    """Index of each ray in a picture flattened to (view, v, u)."""
    inside: Bool[Tensor, "c p"]
    """Whether each ray is inside the image circle."""
    place: Int[Tensor, "c"]
    """Index of each tile among all tiles of a picture, flattened to (view, row, column)."""
    left: int
    """Number of tiles in the left view."""
    side: int
    """Number of tiles along the side of a picture."""

    @classmethod
    def of(cls, rig: StereoRig, image_px: int, device: torch.device) -> Tiles:
        """The tiles of a rig's square pictures.

        Pixel k of a picture covers the frame from k to k + 1 times 1024 / image_px; its ray goes through the centre.

        Args:
            rig: the two cameras.
            image_px: side of the pictures.
            device: where the tensors are.

        Raises:
            ValueError: if ``image_px`` is not a multiple of 8, the side of a tile.
        """
        if image_px <= 0 or image_px % TILE_PX:
            raise ValueError(f"image_px must be a multiple of {TILE_PX}, not {image_px}")
        centres = (torch.arange(image_px) + 0.5) * (FRAME_PX / image_px)
        px = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), -1)
        views = [camera.unproject(px) for camera in rig.cameras]
        rays = _tiled(torch.stack([ray for ray, _ in views]))
        inside = _tiled(torch.stack([inside for _, inside in views])[..., None])[..., 0]
        pixel = _tiled(torch.arange(2 * image_px**2).view(2, image_px, image_px, 1))[..., 0]
        view = torch.arange(2)[:, None].expand(inside.shape[:2])
        keep = inside.any(-1)
        rays, inside, pixel, view = rays[keep], inside[keep], pixel[keep], view[keep]
        axis = torch.nn.functional.normalize(rays.mean(1), dim=-1)
        cosine = torch.einsum("cpi,ci->cp", rays, axis).amin(-1)
        half = torch.acos(cosine.clamp(max=1.0)) + 1e-3  # room for rounding
        cone = torch.cat((axis, half.sin()[:, None], -half.cos()[:, None]), -1)
        left = int((view == 0).sum())
        rays = rays.mT.contiguous()
        place = keep.flatten().nonzero()[:, 0]
        rays, cone, view, pixel = (x.to(device) for x in (rays, cone, view, pixel))
        return cls(rays, cone, view, pixel, inside.to(device), place.to(device), left, image_px // TILE_PX)

    def picture(self, values: Shaped[Tensor, "f c p d"], outside: int) -> Shaped[Tensor, "f v d h w"]:
        """Values of rays, arranged as pictures; ``outside`` where there is no tile."""
        frames, depth, side = len(values), values.shape[-1], self.side
        whole = values.new_full((frames, 2 * side * side, TILE_PX * TILE_PX, depth), outside)
        whole[:, self.place] = values
        whole = whole.view(frames, 2, side, side, TILE_PX, TILE_PX, depth).permute(0, 1, 6, 2, 4, 3, 5)
        return whole.reshape(frames, 2, depth, side * TILE_PX, side * TILE_PX)


class Hits(NamedTuple):
    """The first hit of each ray."""

    distance_cm: Float[Tensor, "f c p"]
    """Distance along the ray; `roundcone.MISS` without a hit."""
    part: Int[Tensor, "f c p"]
    """Index of the part; `NOTHING` without a hit."""


def _tiled(x: Tensor) -> Tensor:
    views, height, width, depth = x.shape
    tiles = x.view(views, height // TILE_PX, TILE_PX, width // TILE_PX, TILE_PX, depth)
    return tiles.permute(0, 1, 3, 2, 4, 5).reshape(views, -1, TILE_PX * TILE_PX, depth)


def _cover(
    start_cm: Float[Tensor, "f v part 3"], end_cm: Float[Tensor, "f v part 3"], radii_cm: Float[Tensor, "part 2"]
) -> Float[Tensor, "f v 5 s"]:
    """A few spheres that cover each part: direction, and sine and cosine of half the angle that each subtends."""
    at = torch.linspace(0, 1, _COVER, device=start_cm.device)
    centres = start_cm[..., None, :] + at[:, None] * (end_cm - start_cm)[..., None, :]
    length = (end_cm - start_cm).norm(dim=-1)
    taper = radii_cm[:, 0] - radii_cm[:, 1]
    slant = (1 - (taper / length.clamp(min=1e-3)).square()).clamp(min=0.25).sqrt()
    ends = (at - 0.5 / (_COVER - 1)).clamp(min=0), (at + 0.5 / (_COVER - 1)).clamp(max=1)
    widest = torch.maximum(*(radii_cm[:, :1] - taper[:, None] * end for end in ends)) / slant[..., None]
    widest = torch.minimum(widest, radii_cm.amax(-1, keepdim=True))
    radius = (widest.square() + (length[..., None] * (0.5 / (_COVER - 1))).square()).sqrt()
    away = centres.norm(dim=-1)
    around = (away <= radius)[..., None]  # the camera is inside the sphere, so every tile may meet it
    sine = (radius / away.clamp(min=1e-3)).clamp(max=1.0)
    sphere = torch.cat(
        (centres / away.clamp(min=1e-3)[..., None], sine[..., None], (1 - sine * sine).sqrt()[..., None]), -1
    )
    sphere = torch.where(around, sphere.new_tensor((0.0, 0.0, 0.0, 0.0, -1.0)), sphere)
    return sphere.flatten(2, 3).mT


def may_meet(
    tiles: Tiles,
    start_cm: Float[Tensor, "f v part 3"],
    end_cm: Float[Tensor, "f v part 3"],
    radii_cm: Float[Tensor, "part 2"],
) -> Bool[Tensor, "f c part"]:
    """Whether the spheres that cover a part touch a tile's cone; never false if a ray of the tile meets the part.

    With half angles g (tile) and a (sphere), the sphere touches the cone if its direction is within g + a of the axis:
    axis . direction >= cos g cos a - sin g sin a, which is one dot product of five numbers.

    Args:
        tiles: tiles of the picture.
        start_cm: centre of each part's first sphere in each view's camera frame.
        end_cm: centre of each part's second sphere in each view's camera frame.
        radii_cm: radii of each part's spheres.
    """
    cover = _cover(start_cm, end_cm, radii_cm)
    views = (tiles.cone[: tiles.left], tiles.cone[tiles.left :])
    touch = torch.cat([cone @ cover[:, view] for view, cone in enumerate(views)], 1)
    return touch.unflatten(-1, (-1, _COVER)).amax(-1) >= 0


def least_distance(
    start_cm: Float[Tensor, "f v part 3"], end_cm: Float[Tensor, "f v part 3"], radii_cm: Float[Tensor, "part 2"]
) -> Float[Tensor, "f v part"]:
    """Distance (cm) of each part from its camera, or less; 0 if the camera may be inside.

    Args:
        start_cm: centre of each part's first sphere in each view's camera frame.
        end_cm: centre of each part's second sphere in each view's camera frame.
        radii_cm: radii of each part's spheres.
    """
    axis = end_cm - start_cm
    foot = (-(start_cm * axis).sum(-1) / axis.square().sum(-1).clamp(min=1e-6)).clamp(0, 1)
    away = (start_cm + foot[..., None] * axis).norm(dim=-1)
    return (away - radii_cm.amax(-1) - _ROUNDING_CM).clamp(min=0)


def cast(
    tiles: Tiles, cones: RoundCones, candidates: Bool[Tensor, "f c part"], least_cm: Float[Tensor, "f v part"]
) -> Hits:
    """The first part along every ray. Near parts are tried first; what lies behind a tile's hits is left out.

    Args:
        tiles: tiles of the picture.
        cones: the parts of every frame and view.
        candidates: which parts to try for which tiles (`may_meet`, or all).
        least_cm: distance of each part, or less (`least_distance`, or zeros to leave nothing out).
    """
    frames, num_tiles, parts = candidates.shape
    rays_per_tile = tiles.rays.shape[-1]
    distance = tiles.rays.new_full((frames * num_tiles, rays_per_tile), MISS)
    nearest = torch.full_like(distance, NOTHING, dtype=torch.int16)
    farthest = distance.new_full((frames * num_tiles,), MISS)
    vectors, constants, least = cones.vectors.view(-1, 3, 3), cones.constants.view(-1, 4), least_cm.reshape(-1)
    order = least_cm.argsort(-1)[:, tiles.view]
    frame, tile, place = candidates.gather(-1, order).nonzero(as_tuple=True)
    row, part = frame * num_tiles + tile, order[frame, tile, place]
    cone = (frame * 2 + tiles.view[tile]) * parts + part
    # First the nearest candidate of every tile, then the second one and so on: no step writes a tile twice.
    turn = _count_up(row)
    for k in range(int(turn.max()) + 1 if len(turn) else 0):
        turns = (turn == k).nonzero()[:, 0]
        turns = turns[least[cone[turns]] < farthest[row[turns]]]
        for pairs in turns.split(_AT_ONCE):
            rows, primitive = row[pairs], cone[pairs]
            dots = torch.bmm(vectors[primitive], tiles.rays[tile[pairs]])
            t = meet(dots, constants[primitive])
            before = distance[rows]
            nearer = t < before
            after = torch.where(nearer, t, before)
            distance[rows], farthest[rows] = after, after.amax(-1)
            nearest[rows] = torch.where(nearer, part[pairs].to(torch.int16)[:, None], nearest[rows])
    shape = (frames, num_tiles, rays_per_tile)
    return Hits(distance.view(shape), nearest.view(shape))


def _count_up(rows: Int[Tensor, "n"]) -> Int[Tensor, "n"]:
    """How many times each value of a sorted list has occurred before."""
    at = torch.arange(len(rows), device=rows.device)
    return at - torch.searchsorted(rows, rows)

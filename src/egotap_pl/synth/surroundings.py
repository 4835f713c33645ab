"""The wearer's surroundings: a room or an open place with a horizon, and its light."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from egotap_pl.synth import texture
from egotap_pl.synth.body import PARTS, Body, PlacedParts
from egotap_pl.synth.texture import TEXELS

_FAR_CM = 1e6
_HEADROOM_CM = 40.0
_OPEN = 40.0  # the horizon is this many times as far away as the walls of a room
_SMALL = (
    "palm",
    "thumb",
    "index",
    "middle",
    "ring",
    "little",
    "collar",
    "trapezius",
    "breast",
    "elbow",
    "ankle",
    "calf",
    "face",
    "chin",
    "nose",
)
_CAST = [i for i, part in enumerate(PARTS) if part.name.split("_")[0] not in _SMALL]
_SHADOW_CELLS = 48
_SHADOW_REACH_CM = 180.0
_LEVELS = 7  # of the floor's texture, each half as fine as the previous one
_STARTS = tuple(sum((TEXELS >> k) ** 2 for k in range(level)) for level in range(_LEVELS))  # in texels


@dataclass(frozen=True)
class Surroundings:
    """A textured box around the wearer (the floor at y = 0, four walls, a ceiling) and its light."""

    floor: Float[Tensor, "t t 3"]
    """RGB texture of the floor, in 0..1."""
    wall: Float[Tensor, "t t 3"]
    """RGB texture of the walls, in 0..1; the first row is at the floor."""
    floor_cm: float
    """Side of one tile of the floor's texture."""
    wall_cm: float
    """Width of one tile of the wall's texture."""
    walls_cm: Float[Tensor, "2 2"]
    """x and z of the walls with the larger coordinates, then of those with the smaller ones."""
    height_cm: float
    """Height of the ceiling."""
    ceiling: Float[Tensor, "3"]
    """Colour of the ceiling or the sky."""
    to_sun: Float[Tensor, "3"]
    """Unit direction towards the sun or the lamp."""
    sun: Float[Tensor, "3"]
    """Colour of the light from there."""
    ambient: Float[Tensor, "3"]
    """Colour of the light from all directions."""

    @classmethod
    def random(cls, rng: np.random.Generator, visited_cm: Float[Tensor, "*n 3"]) -> Surroundings:
        """A random room or open place that contains the whole motion.

        Args:
            rng: random generator.
            visited_cm: points in the world that the wearer's body and cameras reach.
        """
        low, high = visited_cm.reshape(-1, 3).amin(0), visited_cm.reshape(-1, 3).amax(0)
        outside = rng.random() < 0.35
        floors = texture.FLOORS_OUTSIDE if outside else texture.FLOORS_INSIDE
        floor = floors[rng.integers(len(floors))](rng)
        wall = (texture.skyline if outside else texture.room_wall)(rng)
        walls, height, wall_cm = rng.uniform(70, 400, (2, 2)), rng.uniform(235, 330), rng.uniform(250, 450)
        ceiling = wall[-1].mean(0) if outside else 0.5 * wall[-1].mean(0) + 0.45
        if outside:  # the same box, far away, with the horizon painted on it
            walls, height, wall_cm = walls * _OPEN, height * _OPEN / 2, wall_cm * _OPEN
        azimuth, elevation = rng.uniform(0, 2 * math.pi), math.radians(rng.uniform(35, 85))
        to_sun = (math.cos(elevation) * math.cos(azimuth), math.sin(elevation), math.cos(elevation) * math.sin(azimuth))
        bright, share, warm = rng.uniform(0.8, 1.15), rng.uniform(0.35, 0.7), rng.uniform(-0.06, 0.06)
        tint = np.array([1 + warm, 1.0, 1 - warm])
        return cls(
            floor=_tensor(floor),
            wall=_tensor(wall),
            floor_cm=float(rng.uniform(160, 320)),
            wall_cm=float(wall_cm),
            walls_cm=torch.stack((high[[0, 2]] + _tensor(walls[0]), low[[0, 2]] - _tensor(walls[1]))),
            height_cm=max(float(height), float(high[1]) + _HEADROOM_CM),
            ceiling=_tensor(ceiling),
            to_sun=_tensor(np.array(to_sun)),
            sun=_tensor(1.25 * bright * share * tint),
            ambient=_tensor(bright * (1 - share) * (2 - tint)),
        )

    def to(self, device: torch.device) -> Surroundings:
        """The same surroundings on another device."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        moved: dict[str, Any] = {name: value.to(device) for name, value in values if isinstance(value, Tensor)}
        return replace(self, **moved)

    def background(
        self, origin_cm: Float[Tensor, "3"], rays: Float[Tensor, "3 n"], shadow: Shadow, frame: int, pixel_rad: float
    ) -> Float[Tensor, "n 3"]:
        """Colour of the surroundings along a camera's rays: the lit box, with the body's shadow on the floor.

        Args:
            origin_cm: position of the camera in the world.
            rays: unit directions in the world.
            shadow: shadow of the body on the floor.
            frame: index of the frame in ``shadow``.
            pixel_rad: angle that one ray covers; the farther away the floor, the coarser its texture accordingly.
        """
        (x, y, z), (ox, oy, oz) = rays, origin_cm
        wall_x = (torch.where(x > 0, self.walls_cm[0, 0], self.walls_cm[1, 0]) - ox) / _away_from_zero(x)
        wall_z = (torch.where(z > 0, self.walls_cm[0, 1], self.walls_cm[1, 1]) - oz) / _away_from_zero(z)
        level = (torch.where(y > 0, self.height_cm, 0.0) - oy) / _away_from_zero(y)
        wall = torch.minimum(wall_x, wall_z)
        t = torch.minimum(wall, level).clamp_(0, _FAR_CM)
        hit_x, hit_y, hit_z = ox + t * x, oy + t * y, oz + t * z
        on_level, above = level <= wall, y > 0
        along = torch.where(wall_x < wall_z, hit_z, hit_x) / self.wall_cm
        row = torch.where(on_level, hit_x / self.floor_cm, hit_y / self.height_cm)
        column = torch.where(on_level, hit_z / self.floor_cm, along)
        texels = t * (pixel_rad * TEXELS / self.floor_cm) / y.abs().clamp_(min=1e-3)
        coarse = torch.where(on_level, texels.clamp_(1, 2 ** (_LEVELS - 1)).log2_(), 0.0).int()
        colour = self._texture(on_level, row, column, coarse)
        colour[on_level & above] = self.ceiling
        sunny = torch.where(on_level & ~above, shadow.light(frame, hit_x, hit_z), 1.0) * self.to_sun[1]
        return colour * torch.addcmul(self.ambient, sunny[:, None], self.sun)

    def _texture(
        self,
        on_level: Bool[Tensor, "n"],
        row: Float[Tensor, "n"],
        column: Float[Tensor, "n"],
        coarse: Int[Tensor, "n"],
    ) -> Float[Tensor, "n 3"]:
        side = TEXELS >> coarse  # a power of two, so that & (side - 1) is the remainder
        at = ((row * side).floor().int() & (side - 1)) * side + ((column * side).floor().int() & (side - 1))
        starts = torch.tensor(_STARTS, device=at.device, dtype=torch.int32)
        return self._atlas.index_select(0, at + starts[coarse] + on_level * TEXELS**2)

    @cached_property
    def _atlas(self) -> Float[Tensor, "texel 3"]:
        """Texels of the wall, then of the floor, then of the floor at coarser levels."""
        floor = self.floor.permute(2, 0, 1)[None]
        pooled = (torch.nn.functional.avg_pool2d(floor, 2**level) for level in range(_LEVELS))
        return torch.cat((self.wall.view(-1, 3), *(level[0].permute(1, 2, 0).reshape(-1, 3) for level in pooled)))


class Shadow(NamedTuple):
    """How much sunlight reaches the floor around the wearer, on a square grid per frame."""

    centre_cm: Float[Tensor, "f 2"]
    """(x, z) of the centre of the grid."""
    grid: Float[Tensor, "f g g"]
    """Share of the sunlight: 0 dark, 1 light."""

    @classmethod
    def of(cls, body: Body, parts: PlacedParts, to_sun: Float[Tensor, "3"]) -> Shadow:
        """The soft shadow of a body. The higher a part is, the softer is the edge of its shadow.

        Args:
            body: the body.
            parts: its parts in the world.
            to_sun: unit direction towards the light.
        """
        start, end = parts.start_cm[:, _CAST], parts.end_cm[:, _CAST]
        slope = to_sun[[0, 2]] / to_sun[1]
        start_xz = start[..., [0, 2]] - start[..., 1:2] * slope
        axis = end[..., [0, 2]] - end[..., 1:2] * slope - start_xz
        centre = parts.start_cm[:, 0, [0, 2]]
        side = torch.linspace(-_SHADOW_REACH_CM, _SHADOW_REACH_CM, _SHADOW_CELLS, device=centre.device)
        cells = torch.stack(torch.meshgrid(side, side, indexing="ij"), -1).flatten(0, 1)
        # (f, part, cell): distance from each cell to the line of the part's shadow, from the foot of the perpendicular
        squared = axis.square().sum(-1).clamp(min=1e-3)
        local = start_xz - centre[:, None]
        foot = (axis @ cells.T - (axis * local).sum(-1)[..., None]) / squared[..., None]
        foot = foot.clamp_(0, 1)
        gap_x = cells[:, 0] - local[..., :1] - foot * axis[..., :1]
        gap_z = cells[:, 1] - local[..., 1:] - foot * axis[..., 1:]
        gap = (gap_x.square_() + gap_z.square_()).sqrt_()
        radius = body.radii_cm[_CAST].mean(-1, keepdim=True)
        soft = 9.0 + 0.12 * (0.5 * (start[..., 1] + end[..., 1]).clamp(min=0))[..., None]
        light = ((gap - radius) / soft + 0.5).clamp_(0, 1).amin(1)
        light = light * light * (3 - 2 * light)
        return cls(centre, light.view(-1, _SHADOW_CELLS, _SHADOW_CELLS))

    def light(self, frame: int, x_cm: Float[Tensor, "n"], z_cm: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        """Share of the sunlight at points on the floor.

        Args:
            frame: index of the frame.
            x_cm: x of the points in the world.
            z_cm: z of the points in the world.
        """
        x, z = self.centre_cm[frame]
        at = torch.stack((z_cm - z, x_cm - x), -1) / _SHADOW_REACH_CM
        sampled = torch.nn.functional.grid_sample(
            self.grid[frame][None, None], at[None, None], mode="bilinear", padding_mode="border", align_corners=True
        )
        return sampled[0, 0, 0]


def _tensor(values: np.ndarray) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def _away_from_zero(x: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    return torch.where(x.abs() < 1e-6, 1e-6, x)

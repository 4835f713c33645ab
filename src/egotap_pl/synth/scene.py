"""Where the wearer is: a room, or the open with a horizon, and its light."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.synth import texture
from egotap_pl.synth.body import PARTS, Body, Pose

_FAR_CM = 1e6
_OPEN = 40.0  # how many times as far as a room's walls the horizon is
_CAST = [i for i, part in enumerate(PARTS) if part.bone.split("_")[0] not in ("hand", "clavicle")]
_SHADOW_CELLS = 56
_SHADOW_REACH_CM = 200.0


@dataclass(frozen=True)
class Scene:
    """A textured box around the wearer: the floor at y = 0, four walls, a ceiling; and light.

    Fields:
        floor, wall: RGB textures in 0..1. A wall's first row is at the floor.
        floor_cm: what a floor texture measures.
        wall_cm: what a wall texture measures along the wall.
        walls_cm: x and z of the walls with larger coordinates, then of those with smaller.
        height_cm: the ceiling's.
        ceiling: its colour (or the sky's).
        to_sun: unit direction in which the light is.
        sun, ambient: colours of the light from there and from everywhere.
    """

    floor: Float[Tensor, "t t 3"]
    wall: Float[Tensor, "t t 3"]
    floor_cm: float
    wall_cm: float
    walls_cm: Float[Tensor, "2 2"]
    height_cm: float
    ceiling: Float[Tensor, "3"]
    to_sun: Float[Tensor, "3"]
    sun: Float[Tensor, "3"]
    ambient: Float[Tensor, "3"]

    @classmethod
    def random(cls, rng: np.random.Generator) -> Scene:
        """A room or an open place."""
        outside = rng.random() < 0.35
        floors = texture.FLOORS_OUTSIDE if outside else texture.FLOORS_INSIDE
        floor = floors[rng.integers(len(floors))](rng)
        wall = (texture.skyline if outside else texture.room_wall)(rng)
        walls, height, wall_cm = rng.uniform(150, 500, (2, 2)), rng.uniform(235, 330), rng.uniform(250, 450)
        ceiling = wall[-1].mean(0) if outside else 0.5 * wall[-1].mean(0) + 0.45
        if outside:  # the same box with the horizon painted on it, far away
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
            walls_cm=_tensor(walls * np.array([[1.0], [-1.0]])),
            height_cm=float(height),
            ceiling=_tensor(ceiling),
            to_sun=_tensor(np.array(to_sun)),
            sun=_tensor(1.25 * bright * share * tint),
            ambient=_tensor(bright * (1 - share) * (2 - tint)),
        )

    def to(self, device: torch.device) -> Scene:
        """The same scene on another device."""
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: v.to(device) for name, v in values.items() if isinstance(v, Tensor)})

    def seen(
        self, origin_cm: Float[Tensor, "f 3"], rays: Float[Tensor, "f n 3"], shadow: Shadow
    ) -> Float[Tensor, "f n 3"]:
        """Colour of what stands behind the body along world rays: box, light and the body's shadow on the floor."""
        x, y, z = rays.unbind(-1)
        ox, oy, oz = (origin_cm[:, i : i + 1] for i in range(3))
        wall_x = (torch.where(x > 0, self.walls_cm[0, 0], self.walls_cm[1, 0]) - ox) / _away_from_zero(x)
        wall_z = (torch.where(z > 0, self.walls_cm[0, 1], self.walls_cm[1, 1]) - oz) / _away_from_zero(z)
        level = (torch.where(y > 0, self.height_cm, 0.0) - oy) / _away_from_zero(y)
        t = torch.minimum(torch.minimum(wall_x, wall_z), level).clamp_(0, _FAR_CM)
        hit_x, hit_y, hit_z = ox + t * x, oy + t * y, oz + t * z
        on_level = level <= torch.minimum(wall_x, wall_z)
        along = torch.where(wall_x < wall_z, hit_z, hit_x) / self.wall_cm
        row = torch.where(on_level, hit_x / self.floor_cm, hit_y / self.height_cm)
        column = torch.where(on_level, hit_z / self.floor_cm, along)
        colour = self._texture(on_level, row, column)
        on_floor = on_level & (y < 0)
        colour = torch.where((on_level & (y > 0))[..., None], self.ceiling, colour)
        sunny = torch.where(on_floor, shadow.light(hit_x, hit_z), 1.0) * self.to_sun[1]
        return colour * (self.ambient + sunny[..., None] * self.sun)

    def _texture(
        self, on_level: Tensor, row: Float[Tensor, "f n"], column: Float[Tensor, "f n"]
    ) -> Float[Tensor, "f n 3"]:
        texels = self.floor.shape[0]
        both = torch.cat((self.wall.view(-1, 3), self.floor.view(-1, 3)))
        at = (row * texels).floor().long().remainder_(texels) * texels
        at += (column * texels).floor().long().remainder_(texels)
        at += on_level.long() * texels**2
        return both[at.view(-1)].view(*at.shape, 3)


class Shadow(NamedTuple):
    """How much of the sun reaches the floor around the wearer, per frame, on a square grid.

    Fields:
        centre_cm: (x, z) of the grid's middle.
        grid: 0 dark, 1 light.
    """

    centre_cm: Float[Tensor, "f 2"]
    grid: Float[Tensor, "f g g"]

    @classmethod
    def of(cls, body: Body, pose: Pose, to_sun: Float[Tensor, "3"]) -> Shadow:
        """Soft shadow of a body: each part's shadow along the sun, its edge the softer the higher the part is."""
        start, end = pose.start_cm[:, _CAST], pose.end_cm[:, _CAST]
        slope = to_sun[[0, 2]] / to_sun[1]
        start_xz = start[..., [0, 2]] - start[..., 1:2] * slope
        axis = end[..., [0, 2]] - end[..., 1:2] * slope - start_xz
        centre = pose.start_cm[:, 0, [0, 2]]
        side = torch.linspace(-_SHADOW_REACH_CM, _SHADOW_REACH_CM, _SHADOW_CELLS, device=centre.device)
        cells = torch.stack(torch.meshgrid(side, side, indexing="ij"), -1).flatten(0, 1)
        # (f, part, cell): distance from a cell to the part's shadow line, by way of the foot of the perpendicular
        squared = axis.square().sum(-1).clamp(min=1e-3)
        local = start_xz - centre[:, None]
        foot = (axis @ cells.T - (axis * local).sum(-1)[..., None]) / squared[..., None]
        foot = foot.clamp_(0, 1)
        gap_x = cells[:, 0] - local[..., :1] - foot * axis[..., :1]
        gap_z = cells[:, 1] - local[..., 1:] - foot * axis[..., 1:]
        gap = (gap_x.square_() + gap_z.square_()).sqrt_()
        radius = body.radii_cm[_CAST].mean(-1, keepdim=True)
        soft = 5.0 + 0.12 * (0.5 * (start[..., 1] + end[..., 1]).clamp(min=0))[..., None]
        light = ((gap - radius) / soft + 0.5).clamp_(0, 1).amin(1)
        light = light * light * (3 - 2 * light)
        return cls(centre, light.view(-1, _SHADOW_CELLS, _SHADOW_CELLS))

    def light(self, x_cm: Float[Tensor, "f n"], z_cm: Float[Tensor, "f n"]) -> Float[Tensor, "f n"]:
        """Share of the sun's light at places on the floor."""
        at = torch.stack((z_cm - self.centre_cm[:, 1:], x_cm - self.centre_cm[:, :1]), -1) / _SHADOW_REACH_CM
        sampled = torch.nn.functional.grid_sample(
            self.grid[:, None], at[:, None], mode="bilinear", padding_mode="border", align_corners=True
        )
        return sampled[:, 0, 0]


def _tensor(values: np.ndarray) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def _away_from_zero(x: Float[Tensor, "f n"]) -> Float[Tensor, "f n"]:
    return torch.where(x.abs() < 1e-6, 1e-6, x)

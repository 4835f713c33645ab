"""Procedural textures of floors and walls: small tileable pictures, drawn from a random generator alone."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

TEXELS = 256
"""Height and width of every texture."""

Texture = Float32[np.ndarray, "t t 3"]
"""RGB in 0..1, TEXELS x TEXELS."""


def noise(rng: np.random.Generator, rows: int, columns: int) -> Float32[np.ndarray, "t t"]:
    """Smooth noise in -1..1 that tiles without a seam.

    Args:
        rng: random generator.
        rows: number of bumps along the first axis.
        columns: number of bumps along the second axis.
    """
    values = rng.uniform(-1, 1, (rows, columns))
    for axis, bumps in enumerate((rows, columns)):
        at = np.arange(TEXELS) * bumps / TEXELS
        low = at.astype(int)
        weight = np.expand_dims(at - low, 1 - axis)
        weight = weight * weight * (3 - 2 * weight)
        values = np.take(values, low, axis) * (1 - weight) + np.take(values, (low + 1) % bumps, axis) * weight
    return values.astype(np.float32)


def _grain(rng: np.random.Generator) -> Float32[np.ndarray, "t t"]:
    return 0.5 * noise(rng, 8, 8) + 0.3 * noise(rng, 32, 32) + 0.2 * noise(rng, 128, 128)


def _shaded(colour: Float32[np.ndarray, "*t 3"], shade: Float32[np.ndarray, "t t"]) -> Texture:
    return np.clip(colour * shade[..., None], 0, 1).astype(np.float32)


def _tone(rng: np.random.Generator, low: tuple[float, ...], high: tuple[float, ...]) -> Float32[np.ndarray, "3"]:
    """A random colour between two. Its channels vary mostly together, because buildings are seldom gaudy."""
    at = 0.75 * rng.uniform(0, 1) + 0.25 * rng.uniform(0, 1, 3)
    return (np.array(low) + at * (np.array(high) - np.array(low))).astype(np.float32)


def planks(rng: np.random.Generator) -> Texture:
    """Wooden boards in several tones, with dark seams."""
    boards, rows = int(rng.choice([8, 16])), TEXELS
    board = np.arange(rows) * boards // rows
    tone = 1 + rng.normal(0, 0.09, boards).astype(np.float32)[board][:, None]
    shade = tone * (1 + 0.1 * noise(rng, 128, 4) + 0.08 * noise(rng, 64, 16))
    shade[np.arange(rows) % (rows // boards) == 0] *= 0.55
    joints = rng.integers(0, TEXELS, boards)
    shade[np.arange(rows), joints[board]] *= 0.6
    return _shaded(_tone(rng, (0.35, 0.24, 0.14), (0.75, 0.58, 0.42)), shade)


def tiles(rng: np.random.Generator) -> Texture:
    """Square tiles in two colours, with grout."""
    count = int(rng.choice([4, 8, 16]))
    at = np.arange(TEXELS)
    cell = at * count // TEXELS
    odd = ((cell[:, None] + cell[None]) % 2).astype(np.float32)[..., None]
    first = _tone(rng, (0.45, 0.42, 0.38), (0.92, 0.9, 0.88))
    second = first * rng.uniform(0.35, 1.0)
    shade = 1 + 0.06 * _grain(rng)
    grout = at % (TEXELS // count) < 2
    shade[grout] *= 0.7
    shade[:, grout] *= 0.7
    return _shaded(first * (1 - odd) + second * odd, shade)


def grass(rng: np.random.Generator) -> Texture:
    """A lawn."""
    colour = _tone(rng, (0.2, 0.34, 0.1), (0.36, 0.52, 0.2))
    fine = rng.uniform(-1, 1, (TEXELS, TEXELS)).astype(np.float32)
    return _shaded(colour, 1 + 0.25 * fine + 0.3 * _grain(rng))


def carpet(rng: np.random.Generator) -> Texture:
    """A woven carpet with a faint pattern."""
    at = np.arange(TEXELS) * 2 * np.pi * int(rng.choice([4, 8, 12])) / TEXELS
    pattern = 0.1 * np.sign(np.sin(at))[:, None] * np.sign(np.sin(at))[None]
    fine = rng.uniform(-1, 1, (TEXELS, TEXELS))
    shade = (1 + rng.uniform(0, 1) * pattern + 0.1 * fine + 0.08 * _grain(rng)).astype(np.float32)
    return _shaded(_tone(rng, (0.2, 0.2, 0.22), (0.75, 0.68, 0.7)), shade)


def concrete(rng: np.random.Generator) -> Texture:
    """Asphalt or concrete."""
    fine = rng.uniform(-1, 1, (TEXELS, TEXELS)).astype(np.float32)
    return _shaded(_tone(rng, (0.3, 0.3, 0.29), (0.65, 0.64, 0.62)), 1 + 0.07 * fine + 0.2 * _grain(rng))


def room_wall(rng: np.random.Generator) -> Texture:
    """A painted wall with a skirting board and with pictures or windows. The first row is at the floor."""
    wall = np.empty((TEXELS, TEXELS, 3), np.float32)
    wall[:] = _tone(rng, (0.5, 0.5, 0.48), (0.9, 0.88, 0.85))
    wall[: TEXELS // 24] *= rng.uniform(0.4, 1.1)
    for _ in range(rng.integers(1, 5)):
        low, left = rng.integers(TEXELS // 4, TEXELS // 2), rng.integers(0, TEXELS - 60)
        high, right = low + rng.integers(40, 110), left + rng.integers(24, 60)
        wall[low:high, left:right] = _tone(rng, (0.1, 0.1, 0.1), (0.9, 0.9, 0.95))
    return _shaded(wall, 1 + 0.04 * _grain(rng))


def skyline(rng: np.random.Generator) -> Texture:
    """Trees and houses in front of a sky that gets darker upwards. The first row is at the ground."""
    height = (TEXELS * (0.12 + 0.06 * noise(rng, 1, 12)[0] + 0.05 * noise(rng, 1, 64)[0])).astype(int)
    up = np.arange(TEXELS)[:, None]
    sky = np.array([0.5, 0.68, 0.92], np.float32) + np.float32(0.3) * (1 - up[..., None] / TEXELS)
    trees = _tone(rng, (0.12, 0.2, 0.08), (0.4, 0.38, 0.3)) * (1 + 0.4 * _grain(rng))[..., None]
    return np.clip(np.where((up < height)[..., None], trees, sky), 0, 1).astype(np.float32)


FLOORS_INSIDE = (planks, tiles, carpet, concrete)
"""Textures of floors in rooms."""
FLOORS_OUTSIDE = (grass, concrete, tiles)
"""Textures of the ground outdoors."""

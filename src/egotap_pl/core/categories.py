"""The motion categories of UnrealEgo, which its reader and EgoSynth share."""

from __future__ import annotations

CATEGORIES: tuple[str, ...] = (
    "jumping",
    "falling down",
    "exercising",
    "pulling",
    "singing",
    "rolling",
    "crawling",
    "laying",
    "sitting on the ground",
    "crouching - normal",
    "crouching - turning",
    "crouching - to standing",
    "crouching - forward",
    "crouching - backward",
    "crouching - sideways",
    "standing - whole body",
    "standing - upper body",
    "standing - turning",
    "standing - to crouching",
    "standing - forward",
    "standing - backward",
    "standing - sideways",
    "dancing",
    "boxing",
    "wrestling",
    "soccer",
    "baseball",
    "basketball",
    "american football",
    "golf",
)
"""UnrealEgo's 30 motion categories, in the order of its folders 001 to 030."""

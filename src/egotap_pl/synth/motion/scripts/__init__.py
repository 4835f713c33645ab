"""Scripts: one per category, each writes random motions."""

from __future__ import annotations

from egotap_pl.synth.motion.scripts import (
    athletic,
    ball_games,
    everyday,
    exercises,
    fights,
    floor,
    ground_moves,
    swings,
)
from egotap_pl.synth.motion.scripts.actor import Script

SCRIPTS: dict[str, Script] = {
    "jumping": athletic.jumping,
    "falling down": floor.falling_down,
    "exercising": exercises.exercising,
    "pulling": athletic.pulling,
    "singing": everyday.singing,
    "rolling": ground_moves.rolling,
    "crawling": ground_moves.crawling,
    "laying": floor.laying,
    "sitting on the ground": floor.sitting_on_the_ground,
    "crouching - normal": everyday.crouching_normal,
    "crouching - turning": everyday.crouching_turning,
    "crouching - to standing": everyday.crouching_to_standing,
    "crouching - forward": everyday.crouching_forward,
    "crouching - backward": everyday.crouching_backward,
    "crouching - sideways": everyday.crouching_sideways,
    "standing - whole body": everyday.standing_whole_body,
    "standing - upper body": everyday.standing_upper_body,
    "standing - turning": everyday.standing_turning,
    "standing - to crouching": everyday.standing_to_crouching,
    "standing - forward": everyday.standing_forward,
    "standing - backward": everyday.standing_backward,
    "standing - sideways": everyday.standing_sideways,
    "dancing": athletic.dancing,
    "boxing": fights.boxing,
    "wrestling": fights.wrestling,
    "soccer": ball_games.soccer,
    "baseball": swings.baseball,
    "basketball": ball_games.basketball,
    "american football": ball_games.american_football,
    "golf": swings.golf,
}
"""Script of each category."""

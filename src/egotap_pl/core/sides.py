"""The sides of the body in the names of joints."""

from __future__ import annotations

import re

_SIDE = re.compile(
    r"(?<![a-z])(?:left|right)"  # left_hip, LeftHand, mixamorig:LeftHand, hand_left
    r"|(?<![a-z0-9])[lr](?![a-z0-9])"  # hand_l, L_Hand, thigh.R
    r"|^[lr](?=(?-i:[A-Z][a-z]))"  # LHip, rShldr
    r"|(?<=(?-i:[a-z]))(?-i:Left|Right|[LR])$",  # handLeft, kneeR
    re.I,
)
_OTHER = {"l": "r", "r": "l", "left": "right", "right": "left"}


def side_of(joint: str) -> str:
    """The side of the body that the name of a joint says: ``left``, ``right``, or nothing for a joint in the middle.

    Examples:
        >>> [side_of(name) for name in ("hand_l", "right_hip", "LeftHand", "RKnee", "head", "L3")]
        ['left', 'right', 'left', 'right', '', '']
    """
    match = _SIDE.search(joint)
    if match is None:
        return ""
    return "left" if match[0][0] in "lL" else "right"


def other_side(joint: str) -> str:
    """The name of the same joint on the other side; that of a joint in the middle is its own.

    Examples:
        >>> [other_side(name) for name in ("hand_l", "LeftHand", "head")]
        ['hand_r', 'RightHand', 'head']
    """
    return _SIDE.sub(lambda match: _cased_as(match[0], _OTHER[match[0].lower()]), joint, count=1)


def _cased_as(word: str, other: str) -> str:
    if word.isupper():
        return other.upper()
    return other.capitalize() if word[0].isupper() else other

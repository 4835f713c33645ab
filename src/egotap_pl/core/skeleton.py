"""Joints, parents and tree levels of the data sets' skeletons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from egotap_pl.core.plain import check_keys, to_plain


@dataclass(frozen=True)
class Skeleton:
    """A tree of joints. Joint 0 is the root of propagation and has no heatmap (paper 3.3).

    Heatmap channel h belongs to joint h + 1, and limb channel h to the limb from joint h + 1 to its parent.

    Args:
        name: name that stores, checkpoints and messages carry.
        joints: joint names; a name ending in a side's suffix or beginning with a side's prefix has a mirror image.
        parents: parent of each joint; ``parents[0] == 0``.
        estimates_root: whether joint 0 is part of the estimated pose (UnrealEgo's head) or not (EgoCap's camera).

    Raises:
        ValueError: if the parents do not make a tree rooted at joint 0, or a name is used twice.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    estimates_root: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "joints", tuple(self.joints))
        object.__setattr__(self, "parents", tuple(int(p) for p in self.parents))
        if len(self.joints) != len(self.parents):
            raise ValueError(f"skeleton {self.name}: {len(self.joints)} joints but {len(self.parents)} parents")
        if len(set(self.joints)) != len(self.joints):
            raise ValueError(f"skeleton {self.name}: a joint name is used twice")
        if not self.parents or self.parents[0] != 0:
            raise ValueError(f"skeleton {self.name}: joint 0 must be its own parent")
        for joint in range(self.num_joints):
            seen, at = {joint}, joint
            while at != 0:
                at = self.parents[at] if 0 <= self.parents[at] < self.num_joints else -1
                if at in seen or at < 0:
                    raise ValueError(f"skeleton {self.name}: no way from joint {self.joints[joint]!r} to the root")
                seen.add(at)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and values, for JSON."""
        return to_plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Skeleton:
        """Inverse of `to_dict`; sequences may also be tuples.

        Raises:
            ValueError: if a key is missing or unknown, or the joints are not a tree.
        """
        check_keys("skeleton", data, cls)
        values: dict[str, Any] = {name: tuple(x) if isinstance(x, list) else x for name, x in data.items()}
        return cls(**values)

    @property
    def num_joints(self) -> int:
        """All joints, the root included."""
        return len(self.joints)

    @property
    def num_heatmap_joints(self) -> int:
        """Joints with a heatmap: all but the root. Also the number of limbs."""
        return self.num_joints - 1

    @property
    def limbs(self) -> tuple[tuple[int, int], ...]:
        """(joint, parent) per limb channel."""
        return tuple((j, self.parents[j]) for j in range(1, self.num_joints))

    @property
    def estimated(self) -> tuple[int, ...]:
        """Indices of the joints that make up an estimated pose (N'_J in the paper)."""
        return tuple(range(0 if self.estimates_root else 1, self.num_joints))

    @property
    def estimated_names(self) -> tuple[str, ...]:
        """Names of the estimated joints."""
        return tuple(self.joints[j] for j in self.estimated)

    @property
    def estimated_limbs(self) -> tuple[tuple[int, int], ...]:
        """(child row, parent row) of every limb whose two ends are estimated, as rows of an estimated pose."""
        row = {joint: r for r, joint in enumerate(self.estimated)}
        return tuple((row[c], row[p]) for c, p in self.limbs if c in row and p in row)

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """Limbs between each joint and the root."""
        return tuple(len(self.path(joint)) - 1 for joint in range(self.num_joints))

    @cached_property
    def levels(self) -> tuple[tuple[int, ...], ...]:
        """Joints of each depth below the root: level k holds the joints k + 1 limbs away from it."""
        deepest = max(self.depths)
        return tuple(tuple(j for j, d in enumerate(self.depths) if d == depth) for depth in range(1, deepest + 1))

    def path(self, joint: int) -> tuple[int, ...]:
        """The joints from ``joint`` up to the root, both included."""
        path = [joint]
        while path[-1] != 0:
            path.append(self.parents[path[-1]])
        return tuple(path)

    def subtree(self, joint: int) -> tuple[int, ...]:
        """``joint`` and all joints that hang off it."""
        return tuple(j for j in range(self.num_joints) if joint in self.path(j))

    @cached_property
    def mirror(self) -> tuple[int, ...]:
        """For each joint, its counterpart on the other side of the body (itself on the midline)."""
        index = {name: j for j, name in enumerate(self.joints)}
        return tuple(index.get(_other_side(name), j) for j, name in enumerate(self.joints))

    def with_parents(self, parents: Sequence[int], name: str | None = None) -> Skeleton:
        """The same joints joined otherwise: how a chain or any other propagation order is made."""
        return replace(self, parents=tuple(parents), name=name or f"{self.name}, other parents")

    def chain(self) -> Skeleton:
        """Each joint hangs off the joint before it: the order that the released propagation unit really follows."""
        return self.with_parents([max(j - 1, 0) for j in range(self.num_joints)], f"{self.name}, chain")


def _other_side(name: str) -> str:
    for ours, other in (("left_", "right_"), ("right_", "left_")):
        if name.startswith(ours):
            return other + name.removeprefix(ours)
    for ours, other in (("_l", "_r"), ("_r", "_l")):
        if name.endswith(ours):
            return name.removesuffix(ours) + other
    return name


def unrealego() -> Skeleton:
    """UnrealEgo's 16 joints, poses relative to the pelvis; a thigh hangs off the upper arm of its side."""
    parts = ("upperarm", "lowerarm", "hand", "thigh", "calf", "foot", "ball")
    sides = [f"{part}_{side}" for part in parts for side in "lr"]
    return Skeleton(
        name="unrealego",
        joints=("head", "neck_01", *sides),
        parents=(0, 0, 1, 1, 2, 3, 4, 5, 2, 3, 8, 9, 10, 11, 12, 13),
        estimates_root=True,
    )


def egocap() -> Skeleton:
    """EgoCap's 18 joints, poses relative to the left camera, which is joint 0 and not estimated."""
    arms = [[f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "finger")] for side in ("left", "right")]
    legs = [[f"{side}_{part}" for part in ("hip", "knee", "ankle", "toe")] for side in ("left", "right")]
    return Skeleton(
        name="egocap",
        joints=("cam", "neck", *arms[0], *arms[1], *legs[0], *legs[1]),
        parents=(0, 0, 1, 2, 3, 4, 1, 6, 7, 8, 2, 10, 11, 12, 6, 14, 15, 16),
        estimates_root=False,
    )

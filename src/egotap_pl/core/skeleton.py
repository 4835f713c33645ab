"""Skeletons: the joints of a data set, their tree, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from egotap_pl.core.plain import check_keys, to_plain
from egotap_pl.core.sides import other_side

CAMERA_JOINT = "cam"
"""Name of the joint that stands for the left camera. A skeleton that has it has camera-relative poses."""


@dataclass(frozen=True)
class Skeleton:
    """A tree of joints. Joint 0 is the root of propagation and has no heatmap (paper 3.3).

    Heatmap channel h belongs to joint h + 1, and limb channel h to the limb from joint h + 1 to its parent.

    Raises:
        ValueError: if the parents do not form a tree rooted at joint 0, or a name is used twice.

    Examples:
        >>> from egotap_pl.core.skeleton import Skeleton
        >>> arm = Skeleton("arm", ("shoulder", "elbow", "wrist"), (0, 0, 1), estimates_root=True)
        >>> arm.limbs  # (joint, parent)
        ((1, 0), (2, 1))
        >>> arm.path(2)
        (2, 1, 0)
    """

    name: str
    """Name in stores, checkpoints and messages."""
    joints: tuple[str, ...]
    """Names of the joints. Two that differ only in the side that they name (``hand_l`` and ``hand_r``, ``left_hip`` and
    ``right_hip``, ``LeftHand`` and ``RightHand``, ``LHip`` and ``RHip``) are mirror images of each other."""
    parents: tuple[int, ...]
    """Parent of each joint; ``parents[0] == 0``."""
    estimates_root: bool
    """Whether joint 0 is part of the estimated pose (UnrealEgo's head) or not (EgoCap's camera)."""

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
            visited, at = {joint}, joint
            while at != 0:
                at = self.parents[at] if 0 <= self.parents[at] < self.num_joints else -1
                if at in visited or at < 0:
                    raise ValueError(f"skeleton {self.name}: joint {self.joints[joint]!r} is not connected to the root")
                visited.add(at)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain lists and values, for JSON."""
        return to_plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Skeleton:
        """Inverse of `to_dict`; accepts tuples where that has lists.

        Raises:
            ValueError: if a key is missing or unknown, or the values do not describe a skeleton.
        """
        check_keys("skeleton", data, cls)
        values: dict[str, Any] = {name: tuple(x) if isinstance(x, list) else x for name, x in data.items()}
        return cls(**values)

    @property
    def num_joints(self) -> int:
        """Number of joints, the root included."""
        return len(self.joints)

    @property
    def num_heatmap_joints(self) -> int:
        """Number of joints with a heatmap: all but the root. Also the number of limbs."""
        return self.num_joints - 1

    @property
    def limbs(self) -> tuple[tuple[int, int], ...]:
        """(joint, parent) of each limb, in the order of the limb channels."""
        return tuple((j, self.parents[j]) for j in range(1, self.num_joints))

    @property
    def estimated(self) -> tuple[int, ...]:
        """Indices of the joints of an estimated pose (N'_J of them in the paper)."""
        return tuple(range(0 if self.estimates_root else 1, self.num_joints))

    @property
    def estimated_names(self) -> tuple[str, ...]:
        """Names of the estimated joints."""
        return tuple(self.joints[j] for j in self.estimated)

    @property
    def estimated_limbs(self) -> tuple[tuple[int, int], ...]:
        """(child, parent) of every limb with both ends estimated, as rows of an estimated pose."""
        row = {joint: r for r, joint in enumerate(self.estimated)}
        return tuple((row[c], row[p]) for c, p in self.limbs if c in row and p in row)

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """Number of limbs between each joint and the root."""
        return tuple(len(self.path(joint)) - 1 for joint in range(self.num_joints))

    @cached_property
    def levels(self) -> tuple[tuple[int, ...], ...]:
        """Joints by their depth: level k holds the joints that are k + 1 limbs away from the root."""
        deepest = max(self.depths)
        return tuple(tuple(j for j, d in enumerate(self.depths) if d == depth) for depth in range(1, deepest + 1))

    def path(self, joint: int) -> tuple[int, ...]:
        """The joints from ``joint`` up to the root, both included."""
        path = [joint]
        while path[-1] != 0:
            path.append(self.parents[path[-1]])
        return tuple(path)

    def subtree(self, joint: int) -> tuple[int, ...]:
        """``joint`` and all its descendants."""
        return tuple(j for j in range(self.num_joints) if joint in self.path(j))

    @cached_property
    def mirror(self) -> tuple[int, ...]:
        """For each joint, its counterpart on the other side of the body; a joint without one is its own."""
        index = {name: j for j, name in enumerate(self.joints)}
        return tuple(index.get(other_side(name), j) for j, name in enumerate(self.joints))

    def with_parents(self, parents: Sequence[int], name: str | None = None) -> Skeleton:
        """The same joints with other parents: a chain, or any other order of propagation.

        Args:
            parents: parent of each joint; ``parents[0] == 0``.
            name: name of the new skeleton; by default this one's name with a remark.

        Raises:
            ValueError: if the parents do not form a tree rooted at joint 0.
        """
        return replace(self, parents=tuple(parents), name=name or f"{self.name}, other parents")

    def chain(self) -> Skeleton:
        """Each joint's parent is the joint before it: the order that the released propagation unit in fact follows."""
        return self.with_parents([max(j - 1, 0) for j in range(self.num_joints)], f"{self.name}, chain")


def unrealego() -> Skeleton:
    """UnrealEgo's 16 joints; poses are relative to the pelvis. The parent of a thigh is the upper arm of its side.

    Examples:
        >>> from egotap_pl.core.skeleton import unrealego
        >>> skeleton = unrealego()
        >>> skeleton.num_joints, skeleton.num_heatmap_joints
        (16, 15)
        >>> [skeleton.joints[joint] for joint in skeleton.path(skeleton.joints.index("calf_l"))]
        ['calf_l', 'thigh_l', 'upperarm_l', 'neck_01', 'head']
    """
    parts = ("upperarm", "lowerarm", "hand", "thigh", "calf", "foot", "ball")
    sides = [f"{part}_{side}" for part in parts for side in "lr"]
    return Skeleton(
        name="unrealego",
        joints=("head", "neck_01", *sides),
        parents=(0, 0, 1, 1, 2, 3, 4, 5, 2, 3, 8, 9, 10, 11, 12, 13),
        estimates_root=True,
    )


def egocap() -> Skeleton:
    """EgoCap's 18 joints; poses are relative to the left camera, which is joint 0 and is not estimated."""
    arms = [[f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "finger")] for side in ("left", "right")]
    legs = [[f"{side}_{part}" for part in ("hip", "knee", "ankle", "toe")] for side in ("left", "right")]
    return Skeleton(
        name="egocap",
        joints=("cam", "neck", *arms[0], *arms[1], *legs[0], *legs[1]),
        parents=(0, 0, 1, 2, 3, 4, 1, 6, 7, 8, 2, 10, 11, 12, 6, 14, 15, 16),
        estimates_root=False,
    )

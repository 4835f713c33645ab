"""Poses as a BVH file, for Blender and other programs that animate characters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from egotap_pl.core.messages import say
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.engine.prediction.pose_writer import PoseRows, PoseWriter
from egotap_pl.figures.drawing import sign_of_left

_END_CM = 3.0
"""Length of the stub behind a joint without children, which BVH asks for."""
_SMALLEST = 1e-9


class Node(NamedTuple):
    """A joint of the file's hierarchy."""

    name: str
    parent: int
    """Index of its parent; -1 for the root."""
    joint: int | None
    """Row of a pose whose position this node has; None for the root of a pose without one joint above all others."""
    target: int | None
    """Row of a pose that it turns towards; None if it does not turn."""


class Bvh(NamedTuple):
    """A hierarchy with its motion."""

    nodes: list[Node]
    """In the order of the file: each is followed by what is below it."""

    offset_cm: Float[np.ndarray, "k 3"]
    """Where each node is in its parent's frame."""

    root_cm: Float[np.ndarray, "n 3"]
    """Positions of the root."""

    angles_deg: Float[np.ndarray, "n k 3"]
    """Rotations of the nodes about Z, X and Y, in this order: R = Rz Rx Ry."""

    error_cm: Float[np.ndarray, "n j"]
    """How far each joint is from its estimated position, since the limbs of a BVH file have fixed lengths."""


class BvhWriter(PoseWriter):
    """Writes BVH at the end of the block. Poses stay in memory until then.

    Axes are X to the body's left, Y up, Z to its front if the cameras look down along the body, whichever way up they
    are mounted, in cm. A frame of the recording that was skipped repeats the pose before it, so that the frames stay in
    time.
    """

    def open(self) -> None:
        """See `PoseWriter`."""
        self._poses: list[np.ndarray] = []
        self._frames: list[int] = []

    def add(self, rows: PoseRows) -> None:
        """See `PoseWriter`."""
        self._poses.append(rows.pose_cm)
        self._frames.extend(rows.frame)

    def close(self, is_complete: bool) -> None:
        """See `PoseWriter`."""
        if not is_complete or not self._poses:
            return
        pose_cm, frames = np.concatenate(self._poses).astype(np.float64), np.array(self._frames)
        rows = np.searchsorted(frames, np.arange(frames[0], frames[-1] + 1), side="right") - 1
        bvh = animated(pose_cm[rows], self.origin.skeleton)
        self.path.write_text(bvh_text(bvh, 1 / self.fps), encoding="utf-8")
        say(
            f"BVH has limbs of fixed length: joints are {bvh.error_cm.mean():.2f} cm from their estimated positions on "
            f"average, {bvh.error_cm.max():.2f} cm at most"
        )


def hierarchy(skeleton: Skeleton) -> list[Node]:
    """The estimated joints as a tree. Joints with several children get a node of their own for each limb.

    One rotation turns all children of a node alike, but the limbs at a neck, say, move independently. So each of them
    has a node without length at the joint, which turns towards the child, and the child below it. A root is added if no
    joint is above all others.
    """
    names = ["_".join(name.split()) for name in skeleton.estimated_names]
    limbs = skeleton.estimated_limbs
    children = {row: [child for child, parent in limbs if parent == row] for row in range(len(names))}
    roots = sorted(children.keys() - {child for child, _ in limbs})
    nodes: list[Node] = []

    def add(row: int, parent: int) -> None:
        below = children[row]
        nodes.append(Node(names[row], parent, row, below[0] if len(below) == 1 else None))
        branch(names[row], row, below, len(nodes) - 1)

    def branch(name: str, row: int | None, below: list[int], at: int) -> None:
        for child in below:
            if len(below) > 1:
                nodes.append(Node(f"{name}_to_{names[child]}", at, row, child))
            add(child, len(nodes) - 1 if len(below) > 1 else at)

    if len(roots) == 1:
        add(roots[0], -1)
    else:
        nodes.append(Node("origin", -1, None, None))
        branch("origin", None, roots, 0)
    return nodes


def animated(pose_cm: Float[np.ndarray, "n j 3"], skeleton: Skeleton) -> Bvh:
    """Rotations of limbs of fixed length that follow poses as closely as they can.

    A limb has its median length. From where its upper end is in the animation, it points at the estimated position of
    its lower end, so that errors do not add up along the tree. It turns by the shortest way from its mean direction and
    not about itself, which positions do not tell.

    Args:
        pose_cm: estimated joints in the left camera's axes (right, down, forward).
        skeleton: their skeleton.
    """
    has_sides = any(joint != twin for joint, twin in enumerate(skeleton.mirror))
    left = sign_of_left(pose_cm, skeleton) if has_sides else -1
    wanted = np.stack((left * pose_cm[..., 0], -pose_cm[..., 2], left * pose_cm[..., 1]), -1)
    nodes, n = hierarchy(skeleton), len(pose_cm)
    offset, place = np.zeros((len(nodes), 3)), np.zeros((n, len(nodes), 3))
    world, angles = np.zeros((n, len(nodes), 3, 3)), np.zeros((n, len(nodes), 3))

    def point(joint: int | None) -> np.ndarray:
        return np.zeros((n, 3)) if joint is None else wanted[:, joint]

    for k, (_, parent, joint, target) in enumerate(nodes):
        above = np.broadcast_to(np.eye(3), (n, 3, 3)) if parent < 0 else world[:, parent]
        if parent < 0:
            place[:, k] = point(joint)
        elif nodes[parent].joint == joint:
            place[:, k] = place[:, parent]
        else:
            limb = point(joint) - point(nodes[parent].joint)
            offset[k] = _unit(_unit(limb).sum(0)) * np.median(np.linalg.norm(limb, axis=-1))
            place[:, k] = place[:, parent] + np.einsum("nij,j->ni", above, offset[k])
        world[:, k] = above
        if target is not None:
            limb = point(target) - point(joint)
            world[:, k] = _shortest(_unit(_unit(limb).sum(0)), _unit(point(target) - place[:, k]))
            angles[:, k] = _zxy_degrees(np.einsum("nji,njk->nik", above, world[:, k]))
    at = {node.joint: k for k, node in reversed(list(enumerate(nodes)))}
    reached = np.stack([place[:, at[row]] for row in range(pose_cm.shape[1])], 1)
    return Bvh(nodes, offset, place[:, 0], angles, np.linalg.norm(reached - wanted, axis=-1))


def bvh_text(bvh: Bvh, frame_s: float) -> str:
    """A BVH file: the hierarchy, and a line per frame.

    Args:
        bvh: hierarchy and motion.
        frame_s: time between two frames.
    """
    lines = ["HIERARCHY"]
    _write_node(bvh, 0, 0, lines)
    lines += ["MOTION", f"Frames: {len(bvh.root_cm)}", f"Frame Time: {frame_s:.9f}"]
    for root, angles in zip(bvh.root_cm, bvh.angles_deg, strict=True):
        lines.append(" ".join(f"{value:.5f}" for value in (*root, *angles.reshape(-1))))
    return "\n".join(lines) + "\n"


def _write_node(bvh: Bvh, at: int, depth: int, lines: list[str]) -> None:
    """Add a node and what is below it."""
    tab = "\t" * depth
    offset = " ".join(f"{value:.6f}" for value in bvh.offset_cm[at])
    positions = "6 Xposition Yposition Zposition " if depth == 0 else "3 "
    lines += [
        f"{tab}{'JOINT' if depth else 'ROOT'} {bvh.nodes[at].name}",
        f"{tab}{{",
        f"{tab}\tOFFSET {offset}",
        f"{tab}\tCHANNELS {positions}Zrotation Xrotation Yrotation",
    ]
    children = [k for k, node in enumerate(bvh.nodes) if node.parent == at]
    for child in children:
        _write_node(bvh, child, depth + 1, lines)
    if not children:
        end = " ".join(f"{value:.6f}" for value in _END_CM * _unit(bvh.offset_cm[at]))
        lines += [f"{tab}\tEnd Site", f"{tab}\t{{", f"{tab}\t\tOFFSET {end}", f"{tab}\t}}"]
    lines.append(f"{tab}}}")


def _unit(vectors: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """Vectors of length 1; upwards where there is no direction."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > _SMALLEST, vectors / np.maximum(length, _SMALLEST), (0.0, 1.0, 0.0))


def _shortest(start: Float[np.ndarray, "3"], end: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3 3"]:
    """The smallest rotations that turn one unit vector into others (Rodrigues)."""
    axis, cosine = np.cross(start, end), end @ start
    x, y, z = axis.T
    zero = np.zeros_like(x)
    cross = np.stack((zero, -z, y, z, zero, -x, -y, x, zero), -1).reshape(-1, 3, 3)
    turns = np.eye(3) + cross + cross @ cross / np.maximum(1 + cosine, _SMALLEST)[:, None, None]
    across = _unit(np.cross(start, np.eye(3)[np.abs(start).argmin()]))
    half = 2 * np.outer(across, across) - np.eye(3)  # start to -start: by half a turn, about any axis across it
    return np.where((cosine < -1 + 1e-7)[:, None, None], half, turns)


def _zxy_degrees(turn: Float[np.ndarray, "n 3 3"]) -> Float[np.ndarray, "n 3"]:
    """Angles (z, x, y) of R = Rz Rx Ry. Where x is a right angle, y is 0, as only the sum of y and z matters."""
    sine = np.clip(turn[:, 2, 1], -1, 1)
    is_locked = np.abs(sine) > 1 - 1e-12
    z = np.where(is_locked, np.arctan2(turn[:, 1, 0], turn[:, 0, 0]), np.arctan2(-turn[:, 0, 1], turn[:, 1, 1]))
    y = np.where(is_locked, 0.0, np.arctan2(-turn[:, 2, 0], turn[:, 2, 2]))
    return np.degrees(np.stack((z, np.arcsin(sine), y), -1))

"""EgoSynth, the built-in data set: rendered people of many shapes in UnrealEgo's categories of motion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import StereoRig, square_rig
from egotap_pl.core.categories import CATEGORIES
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.calibration import load_rig
from egotap_pl.data.egosynth_takes import Take, check_sizes, divided
from egotap_pl.data.source import SPLITS, Frames
from egotap_pl.synth.body import Body
from egotap_pl.synth.figure import Clip
from egotap_pl.synth.motion.source import Measured, MotionSource
from egotap_pl.synth.mount import HeadMount
from egotap_pl.synth.render import PosedBody, Renderer
from egotap_pl.synth.sequence import Camera, Film, pose_body
from egotap_pl.synth.sight import Sight, joints_inside
from egotap_pl.synth.subject import Subject
from egotap_pl.synth.surroundings import Surroundings
from egotap_pl.synth.truth import named_as_bones

VERSION = 2
"""Raised whenever the same settings would give other frames, because of bodies, scenes, rendering or the use of
motions. (Motion sources have versions of their own.)"""

_USUAL_CM = (3.0, 40.0)  # distances of the cameras of headsets, and of sticks before the head
_PIXELS_AT_ONCE = 4 * 2 * 256**2  # fastest, because it suits the cache of a core


class EgoSynthSource:
    """Renders EgoSynth. The same settings and seed give the same bytes for any number of workers.

    Every take has its own random generators, seeded by its split and number. Takes can therefore be rendered anywhere
    and in any order, and another image size shows the same motions, subjects and scenes. Train, validation and test
    share neither subjects nor motions. Takes go through the categories in turn, so that all are covered evenly.

    Args:
        skeleton: skeleton of the poses.
        mount: the rig and its place on the head (`egotap_pl.synth.mount`: `glasses`, `stick`, `headset`).
        motions: sources of motions. Their motions are divided among the splits, category by category.
        frames: number of frames of each split.
        subjects: number of people in each split.
        image_px: height and width of the images.
        seed: seed of all randomness.
        frames_per_take: frames rendered of a motion, spread over its length. The actual number differs a little, so
            that every category has equally many takes. None: whole motions, every frame, 30 a second; the last motion
            of a split ends where the split has its number of frames.
        device: where to render.
        other_mount: a mount to use in place of ``mount``; None: ``mount``.
        rig: cameras to use in place of the mount's: a rig, or a rig file (docs/cameras.md). Frames of any size are cut
            to squares around the image circles and scaled to 1024 x 1024 px (`core.camera.square_rig`), and so are
            those of a mount of one's own.
        joint_bones: the bone that begins at each joint, by the joint's name. Joints that are named as their bone need
            no entry.

    Raises:
        EgotapError: if a setting is out of range, the rig file cannot be read or does not fit the mount, or a joint of
            the skeleton is no bone of EgoSynth's bodies.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        mount: HeadMount,
        motions: Sequence[MotionSource],
        frames: Mapping[str, int],
        subjects: Mapping[str, int],
        image_px: int = 128,
        seed: int = 0,
        frames_per_take: int | None = 32,
        device: str = "cpu",
        other_mount: HeadMount | None = None,
        rig: StereoRig | Path | str | None = None,
        joint_bones: Mapping[str, str] | None = None,
    ) -> None:
        check_sizes(frames, subjects, image_px, frames_per_take)
        if seed < 0:
            raise EgotapError(f"EgoSynth's seed must be 0 or more, not {seed}")
        self.joint_bones = dict(joint_bones or {})
        self._bones = named_as_bones(skeleton, self.joint_bones)
        mount = mount if other_mount is None else other_mount
        if rig is not None:
            mount = mount.with_rig(rig if isinstance(rig, StereoRig) else load_rig(rig))
        self.mount = replace(mount, rig=square_rig(mount.rig, FRAME_PX))
        self.skeleton, self.motions = skeleton, tuple(motions)
        self.frames = {split: int(frames[split]) for split in SPLITS}
        self.subjects = {split: int(subjects[split]) for split in SPLITS}
        self.image_px, self.seed, self.frames_per_take, self.device = image_px, seed, frames_per_take, device
        self._whole_takes: dict[str, list[Take]] = {}

    @property
    def rig(self) -> StereoRig:
        """The two cameras of the mount, of square frames."""
        return self.mount.rig

    @property
    def categories(self) -> Sequence[str]:
        """UnrealEgo's thirty categories."""
        return CATEGORIES

    def identity(self) -> dict[str, Any]:
        """The settings, the seed and the version, which determine the frames."""
        mount: dict[str, Any] = {
            "position_cm": list(self.mount.position_cm),
            "rotation": [list(row) for row in self.mount.rotation],
        }
        if self.mount.name:
            mount["name"] = self.mount.name
        return {
            "source": "egosynth",
            "version": VERSION,
            "skeleton": {"name": self.skeleton.name, "joints": list(self.skeleton.joints)},
            **({"joint_bones": self.joint_bones} if self.joint_bones else {}),
            "rig": self.rig.to_dict(),
            "mount": mount,
            "motions": [source.identity() for source in self.motions],
            "frames": self.frames,
            "subjects": self.subjects,
            "image_px": self.image_px,
            "seed": self.seed,
            "frames_per_take": self.frames_per_take,
            "device": torch.device(self.device).type,
        }

    def splits(self) -> Sequence[str]:
        """``train``, ``validation`` and ``test``."""
        return SPLITS

    def plan(self, split: str) -> Sequence[Take]:
        """The takes of a split.

        Raises:
            EgotapError: if a category has fewer motions than there are splits, or two motions of one name.
        """
        if self.frames_per_take is None:
            return self._planned_whole(split)
        total = self.frames[split]
        rounds = max(1, round(total / (self.frames_per_take * len(CATEGORIES))))
        count = min(rounds * len(CATEGORIES), total)
        return [self._take(split, number, total // count + (number < total % count)) for number in range(count)]

    def read(self, piece: Take) -> Frames:
        """Renders a take.

        Raises:
            EgotapError: if its motion has fewer frames than are to be rendered of it.
        """
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # sums depend on the number of threads, and more processes help more than threads
        try:
            film, category, numbers = self._film(piece)
        finally:
            torch.set_num_threads(threads)
        truth = film.truth
        return Frames(
            images=film.pictures.images.numpy(),
            points2d_px=truth.points2d_px.numpy(),
            pose_cm=truth.pose_cm.numpy(),
            origin_cm=truth.origin_cm.numpy(),
            visibility=truth.visibility.numpy(),
            category=[category] * piece.frames,
            subject=[piece.subject] * piece.frames,
            motion=[f"{piece.motion}/{piece.key}"] * piece.frames,
            frame_number=np.asarray(numbers, np.int64),
        )

    def concerns(self) -> Sequence[str]:
        """Warnings if the cameras are oddly far apart, or cannot see most of the body in most frames of a sample.

        Raises:
            EgotapError: if a motion of the sample, or one whose length can be told without making it, has fewer frames
                than are to be rendered of it.
        """
        self._check_lengths()
        found = []
        distance = float(np.linalg.norm(self.rig.translation_cm))
        if not _USUAL_CM[0] <= distance <= _USUAL_CM[1]:
            found.append(
                f"rig {self.rig.name} has its cameras {distance:.3g} cm apart. If not, correct the unit of its "
                "translation: translation_cm is in cm, and a file's T in the unit that is named beside it"
            )
        sight = self.sight()
        if sight.frames < 0.5:
            found.append(self._blindness(sight))
        return tuple(found)

    def _check_lengths(self) -> None:
        if not any(isinstance(source, Measured) for source in self.motions):
            return
        for take in (take for split in SPLITS for take in self.plan(split)):
            source, seed = self._motion(take, self._generator(take.split, take.number, 2))
            most = source.most_frames(take.motion, seed) if isinstance(source, Measured) else None
            if most is not None:
                take.check_length(most)

    def _blindness(self, sight: Sight) -> str:
        left, right = sight.joints
        return (
            f"rig {self.rig.name} sees little of the body from where it is mounted: {left:.0%} of the joints are in "
            f"the left view and {right:.0%} in the right one, and in {1 - sight.frames:.0%} of {sight.counted} sampled "
            "frames most joints are in neither. Check mount (where the cameras are, how far down they look, which way "
            "up they are) and the transform of the rig"
        )

    def sight(self, takes: int = 10) -> Sight:
        """What the cameras see in a few frames of each of the first training takes, whose categories differ."""
        inside = []
        for take in self.plan("train")[:takes]:
            _, posed, _, _ = self._pose(take, self._generator(take.split, take.number, 2), min(take.frames, 3))
            inside.append(joints_inside(self._bones, self.rig, posed))
        return Sight.of(inside)

    def subject(self, name: str) -> Subject:
        """The person of a name, who is the same in every take."""
        split, number = name.split("-")
        return Subject.random(self._generator(split, int(number), 1), name)

    def _planned_whole(self, split: str) -> list[Take]:
        """Takes of whole motions. Their clips are made to know their lengths, which takes a moment, and only once."""
        if split not in self._whole_takes:
            takes: list[Take] = []
            left = self.frames[split]
            while left:
                take = self._take(split, len(takes), left)
                length = len(self._clip(take, self._generator(split, take.number, 2)).rotations)
                takes.append(replace(take, frames=min(length, left)))
                left -= takes[-1].frames
            self._whole_takes[split] = takes
        return self._whole_takes[split]

    def _take(self, split: str, number: int, frames: int) -> Take:
        # The stride shares no factor with 30, so that even a few takes show different kinds of motion.
        pool = self._pools[split][number * 7 % len(CATEGORIES)]
        motion = pool[number // len(CATEGORIES) % len(pool)]
        subject = int(self._generator(split, number, 0).integers(self.subjects[split]))
        return Take(split, number, frames, motion, f"{split}-{subject:03d}")

    def _clip(self, take: Take, rng: np.random.Generator) -> Clip:
        source, seed = self._motion(take, rng)
        return source.clip(take.motion, seed)

    def _motion(self, take: Take, rng: np.random.Generator) -> tuple[MotionSource, int]:
        """The source of a take's motion, and the seed of its variation."""
        return next(s for s in self.motions if take.motion in s.motions()), int(rng.integers(2**31))

    def _film(self, take: Take) -> tuple[Film, str, list[int]]:
        rng = self._generator(take.split, take.number, 2)
        body, frames, category, numbers = self._pose(take, rng, take.frames)
        scene = Surroundings.random(rng, torch.cat((frames.bones_cm, frames.centre_cm[:, None]), 1))
        return self._camera.film(body, frames, scene), category, numbers

    def _pose(self, take: Take, rng: np.random.Generator, count: int) -> tuple[Body, PosedBody, str, list[int]]:
        clip = self._clip(take, rng)
        start, length = float(rng.uniform(0, 1)), len(clip.rotations)
        take.check_length(length)
        numbers = [int((start + k) * length / count) for k in range(count)]
        if self.frames_per_take is None:
            numbers = list(range(count))
        heading = float(rng.uniform(0, 2 * np.pi))
        left, up, forward = (float(x) for x in rng.normal(0, 0.4, 3).clip(-1, 1))
        mount = self.mount.shifted(left, up, forward, float(rng.normal(0, 1.5)))
        body = Body(self.subject(take.subject), mount.parts)
        return body, pose_body(body, mount, clip, numbers, heading), clip.category, numbers

    @cached_property
    def _camera(self) -> Camera:
        at_once = max(1, min(16, _PIXELS_AT_ONCE // (2 * self.image_px**2)))
        return Camera(Renderer(self.rig, self.image_px, self.device), self._bones, at_once)

    @cached_property
    def _pools(self) -> dict[str, list[list[str]]]:
        return divided(self.motions, self.seed)

    def _generator(self, split: str, number: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence((self.seed, SPLITS.index(split), number, purpose)))

    def __getstate__(self) -> dict[str, Any]:
        """The state without the renderer, which every process makes for itself."""
        return {k: v for k, v in vars(self).items() if k != "_camera"}

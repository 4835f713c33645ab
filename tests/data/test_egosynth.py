"""EgoSynth as a data set: the same bytes everywhere, splits that share nothing, all categories."""

import json
import pickle
from collections import Counter
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

from egotap_pl.core import skeleton
from egotap_pl.core.batch import Visibility
from egotap_pl.core.categories import CATEGORIES
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.egosynth import EgoSynthSource
from egotap_pl.data.source import SPLITS
from egotap_pl.synth.motion import ProceduralMotions
from egotap_pl.synth.mount import glasses, stick


def source(per_category: int = 4, train: int = 90, **settings: Any) -> EgoSynthSource:
    arguments: dict[str, Any] = {
        "skeleton": skeleton.unrealego(),
        "mount": glasses(),
        "motions": [ProceduralMotions(per_category)],
        "frames": {"train": train, "validation": 35, "test": 12},
        "subjects": {"train": 5, "validation": 2, "test": 2},
        "image_px": 32,
        "frames_per_take": 3,
    } | settings
    return EgoSynthSource(**arguments)


def equal(a: Any, b: Any) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_the_same_bytes_in_any_process_and_order():
    first = source()
    takes = list(first.plan("train"))[:3]
    here = [first.read(take) for take in takes]
    with get_context("spawn").Pool(1) as pool:
        elsewhere = pool.map(source().read, takes[::-1])[::-1]
    for a, b in zip(here, elsewhere, strict=True):
        assert equal(a, b)
    assert not np.array_equal(here[0].images[0], here[1].images[0])
    assert not equal(here[0], source(seed=1).read(source(seed=1).plan("train")[0]))


def test_frames_follow_the_protocol():
    data = source(skeleton=skeleton.egocap(), mount=stick())
    take = data.plan("validation")[3]
    frames = data.read(take)
    n = take.frames
    assert frames.images.shape == (n, 2, 3, 32, 32)
    assert frames.points2d_px.shape == (n, 2, 18, 2)
    assert frames.pose_cm.shape == (n, 18, 3)
    assert frames.origin_cm.shape == (n, 2, 3)
    assert set(np.unique(frames.visibility)) <= {int(v) for v in Visibility} - {int(Visibility.UNKNOWN)}
    assert set(frames.category) == {CATEGORIES[21]}  # the fourth take is three strides of seven from the first
    assert set(frames.subject) == {take.subject}
    assert (np.diff(frames.frame_number) >= 0).all()


def test_splits_share_neither_subjects_nor_motions():
    data = source()
    motions = [{take.motion for take in data.plan(split)} for split in SPLITS]
    subjects = [{take.subject for take in data.plan(split)} for split in SPLITS]
    for group in (motions, subjects):
        assert not (group[0] & group[1])
        assert not (group[0] & group[2])
        assert not (group[1] & group[2])
    looks = {data.subject(name).colours for names in subjects for name in names}
    assert len(looks) == sum(map(len, subjects))


@pytest.mark.parametrize(("frames", "takes"), [(90, 30), (200, 60), (12, 12), (1, 1)])
def test_takes_cover_all_frames_and_all_categories_evenly(frames, takes):
    data = source(train=frames)
    plan = data.plan("train")
    assert len(plan) == takes
    assert sum(take.frames for take in plan) == frames
    assert len({take.key for take in plan}) == takes
    counts = Counter(take.motion.split("/")[1] for take in plan)
    assert len(counts) == min(takes, 30)
    assert max(counts.values()) - min(counts.values()) <= (0 if takes >= 30 else 1)


def test_another_image_size_shows_the_same_scene():
    small, large = source(), source(image_px=64)
    a, b = (data.read(data.plan("test")[5]) for data in (small, large))
    np.testing.assert_allclose(a.points2d_px, b.points2d_px, atol=1e-2)
    np.testing.assert_allclose(a.pose_cm, b.pose_cm, atol=1e-3)
    halved = b.images.reshape(*b.images.shape[:3], 32, 2, 32, 2).mean((4, 6))
    assert np.corrcoef(halved.ravel(), a.images.ravel())[0, 1] > 0.9


def test_identity_is_json_and_changes_with_every_setting_that_matters():
    settings: list[dict[str, Any]] = [{}, {"seed": 1}, {"image_px": 64}, {"mount": stick()}]
    settings += [{"per_category": 5}, {"train": 91}]
    identities = [json.dumps(source(**changed).identity()) for changed in settings]
    assert len(set(identities)) == len(settings)
    used = source()
    used.read(used.plan("test")[0])
    assert json.dumps(used.identity()) == identities[0]
    assert pickle.loads(pickle.dumps(used)).identity() == used.identity()


def test_whole_motions_have_every_frame() -> None:
    whole, sparse = source(train=260, frames_per_take=None), source(train=260)
    takes = whole.plan("train")
    assert sum(take.frames for take in takes) == 260
    motions = ProceduralMotions(4)
    for take in takes[:-1]:  # the last one ends with the split
        clip = motions.clip(take.motion, int(whole._generator("train", take.number, 2).integers(2**31)))
        assert take.frames == len(clip.rotations)
    assert [(t.motion, t.subject) for t in takes] == [(t.motion, t.subject) for t in sparse.plan("train")[: len(takes)]]
    last = whole.read(takes[-1])
    assert last.frame_number.tolist() == list(range(takes[-1].frames))
    # Between frames, joints move far less than between two poses of different motions.
    steps = np.linalg.norm(np.diff(last.pose_cm[:, 1:], axis=0), axis=-1)
    assert 0 < np.median(steps) < 5


def test_whole_motions_are_the_same_in_any_process() -> None:
    settings: dict[str, Any] = {"train": 20, "frames_per_take": None}
    (take,) = source(**settings).plan("train")
    here = source(**settings).read(take)
    with get_context("spawn").Pool(1) as pool:
        elsewhere = pool.apply(source(**settings).read, (source(**settings).plan("train")[0],))
    assert equal(here, elsewhere)


def test_whole_motions_are_other_data_and_leave_the_identity_of_others_alone() -> None:
    assert source().identity()["frames_per_take"] == 3
    assert source(frames_per_take=None).identity() == source().identity() | {"frames_per_take": None}


def test_more_frames_than_a_motion_has_are_refused_before_and_while_they_are_rendered() -> None:
    """They were rendered twice."""
    data = source(train=3000, frames_per_take=100)
    message = r"motion procedural/.* has \d+ frames, and 100 are to be rendered of it: make .* frames_per_take smaller"
    with pytest.raises(EgotapError, match=message):
        data.concerns()
    lengths = {
        take: len(data._clip(take, data._generator("train", take.number, 2)).rotations) for take in data.plan("train")
    }
    short = min(lengths, key=lambda take: lengths[take])
    with pytest.raises(EgotapError, match=f"has {lengths[short]} frames"):
        data.read(short)
    whole = source(train=3000, frames_per_take=None)
    assert whole.concerns() == ()


class _Recorded(ProceduralMotions):
    """Knows how long its motions are; one is short."""

    short = ""

    def most_frames(self, name: str, seed: int) -> int | None:
        return {self.short: 2}.get(name)


def test_a_motion_that_is_known_to_be_short_is_refused_before_anything_is_rendered() -> None:
    motions = _Recorded(4)
    data = source(motions=[motions])
    assert data.concerns() == ()
    motions.short = data.plan("train")[-1].motion  # the sample is of the first takes
    with pytest.raises(EgotapError, match=f"motion {motions.short} has 2 frames, and 3 are to be rendered of it"):
        data.concerns()
    assert source(motions=[motions], frames_per_take=None).concerns() == ()


def test_joints_with_names_of_ones_own_are_where_their_bones_are() -> None:
    """The pose of a joint is that of UnrealEgo's joint at the same bone; the order of the joints is the skeleton's."""
    theirs = source()
    joints = ("Skull", "LWrist", "RWrist", "hand_l")
    mine = skeleton.Skeleton("mine", joints, (0, 0, 0, 0), estimates_root=True)
    bones = {"Skull": "head", "LWrist": "lowerarm_l", "RWrist": "hand_r"}
    data = source(skeleton=mine, joint_bones=bones)
    take = data.plan("test")[0]
    here, there = data.read(take), theirs.read(take)
    rows = [theirs.skeleton.joints.index(name) for name in ("head", "lowerarm_l", "hand_r", "hand_l")]
    for name in ("pose_cm", "points2d_px", "visibility"):
        axis = getattr(here, name).ndim - (1 if name == "visibility" else 2)
        assert np.array_equal(getattr(here, name), getattr(there, name).take(rows, axis)), name
    assert data.skeleton.joints == joints
    assert data.identity()["joint_bones"] == bones
    assert "joint_bones" not in theirs.identity()
    assert len(data.concerns()) <= 1


@pytest.mark.parametrize(
    ("joints", "bones", "message"),
    [
        (
            ("head", "LWrist", "RWrist"),
            {},
            "skeleton mine.*joint_bones: {LWrist: BONE, RWrist: BONE} .*foot_l",
        ),
        (("head", "LWrist"), {"LWrist": "wrist_l"}, "joint_bones: {LWrist: BONE}.*one of: pelvis, "),
        (("head", "LWrist"), {"Wrist": "hand_l"}, "joint_bones has Wrist, and its joints are head, LWrist"),
        (("head", "hand_l", "LWrist"), {"LWrist": "hand_l"}, "hand_l, LWrist are the same bone"),
        (("cam", "head"), {}, "cam is seen at the neck"),
    ],
)
def test_a_skeleton_that_does_not_fit_says_what_to_write(joints, bones, message) -> None:
    mine = skeleton.Skeleton("mine", joints, (0,) * len(joints), estimates_root=True)
    with pytest.raises(EgotapError, match=message):
        source(skeleton=mine, joint_bones=bones)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"per_category": 2}, "per_category"),
        ({"image_px": 100}, "image_px"),
        ({"frames_per_take": 0}, "frames_per_take"),
        ({"seed": -1}, "seed must be 0 or more, not -1"),
        ({"frames": {"train": 3, "test": 3}}, "validation"),
        ({"subjects": {"train": 3, "validation": 0, "test": 3}}, "subjects"),
    ],
)
def test_bad_settings_are_named(changed, message):
    with pytest.raises(EgotapError, match=message):
        source(**changed).plan("train")

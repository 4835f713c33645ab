"""Pictures against their own ground truth, and the renderer against brute force."""

import math

import numpy as np
import pytest
import torch

from egotap_pl.core import skeleton
from egotap_pl.core.batch import FRAME_PX, Visibility
from egotap_pl.synth.body import PARTS, Body
from egotap_pl.synth.figure import BONES, Clip, bone_of
from egotap_pl.synth.mount import both_cameras, glasses, stick
from egotap_pl.synth.render import Renderer
from egotap_pl.synth.sequence import Camera, pose_body
from egotap_pl.synth.subject import Subject
from egotap_pl.synth.surroundings import Surroundings
from egotap_pl.synth.tiles import NOTHING

PX = 128
MOUNTS = {"glasses": (glasses(), skeleton.unrealego()), "stick": (stick(), skeleton.egocap())}


def turn(axis, degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rows = {
        "x": ((1, 0, 0), (0, c, -s), (0, s, c)),
        "y": ((c, 0, s), (0, 1, 0), (-s, 0, c)),
        "z": ((c, -s, 0), (s, c, 0), (0, 0, 1)),
    }
    return torch.tensor(rows[axis], dtype=torch.float32)


ARMS_DOWN = {"upperarm_l": turn("z", -75), "upperarm_r": turn("z", 75)}
LEFT_FORWARD = ARMS_DOWN | {"upperarm_l": turn("y", -80)}
BOTH_FORWARD = {"upperarm_l": turn("y", -80), "upperarm_r": turn("y", 80)}
ARMS_UP = {"upperarm_l": turn("z", 85), "upperarm_r": turn("z", -85)}
SQUAT = BOTH_FORWARD | {
    bone: turn("x", angle) for side in "lr" for bone, angle in ((f"thigh_{side}", -95), (f"calf_{side}", 110))
}
POSES = (ARMS_DOWN, LEFT_FORWARD, BOTH_FORWARD, ARMS_UP, SQUAT)


def clip_of(*poses):
    rotations = torch.eye(3).repeat(len(poses), len(BONES), 1, 1)
    for frame, pose in enumerate(poses):
        for bone, rotation in pose.items():
            rotations[frame, BONES.index(bone)] = rotation
    root = torch.tensor((0.0, 95.0, 0.0)).repeat(len(poses), 1)
    return Clip(rotations, root, 30.0, "dancing", "test")


def staged(mount, *poses, subject=None, heading=0.7):
    body = Body(subject or Subject("somebody"))
    return body, pose_body(body, mount, clip_of(*poses), range(len(poses)), heading)


def film(rig, *poses, subject=None, px=PX):
    mount, bones = MOUNTS[rig]
    body, frames = staged(mount, *poses, subject=subject)
    scene = Surroundings.random(np.random.default_rng(3), frames.bones_cm)
    return body, Camera(Renderer(mount.rig, px), bones).film(body, frames, scene)


def pixels_of(parts, name):
    """(row, column) of the pixels that show parts of that name."""
    wanted = torch.tensor([i for i, part in enumerate(PARTS) if part.bone == name])
    return torch.isin(parts, wanted).nonzero().float()


@pytest.mark.parametrize("rig", MOUNTS)
def test_culled_tiles_see_what_brute_force_sees(rig):
    mount, _ = MOUNTS[rig]
    rng = np.random.default_rng(0)
    for _ in range(3):
        body, frames = staged(mount, *POSES, subject=Subject.random(rng, "x"), heading=float(rng.uniform(0, 6)))
        renderer = Renderer(mount.rig, 64)
        culled, whole = (renderer.cast(body, frames, cull=cull).hits for cull in (True, False))
        assert torch.equal(culled.part, whole.part)
        assert torch.equal(culled.distance_cm, whole.distance_cm)
        assert (culled.part != NOTHING).float().mean() > 0.1


@pytest.mark.parametrize("rig", MOUNTS)
def test_a_visible_joint_is_where_its_part_is_seen(rig):
    body, shot = film(rig, *POSES, px=256)
    bones = MOUNTS[rig][1]
    checked = 0
    for joint, name in enumerate(bones.joints):
        if name == "cam":
            continue
        touching, _ = body.touching(torch.tensor([bone_of(bones.name, name)]))
        for frame, view in (shot.truth.visibility[..., joint] == Visibility.VISIBLE).nonzero().tolist():
            u, v = (shot.truth.points2d_px[frame, view, joint] * (256 / FRAME_PX)).long().tolist()
            around = shot.pictures.part[frame, view, max(v - 1, 0) : v + 2, max(u - 1, 0) : u + 2].flatten().long()
            assert touching[0, around[around != NOTHING]].any(), (name, frame, view)
            checked += 1
    assert checked > 30


def test_a_hidden_joint_has_something_else_in_front():
    _body, shot = film("glasses", *POSES, px=256)
    bones = MOUNTS["glasses"][1]
    hidden = (shot.truth.visibility == Visibility.OCCLUDED).nonzero().tolist()
    for frame, view, joint in hidden:
        u, v = (shot.truth.points2d_px[frame, view, joint] * (256 / FRAME_PX)).long().tolist()
        assert (shot.pictures.part[frame, view, max(v - 1, 0) : v + 2, max(u - 1, 0) : u + 2] != NOTHING).any()
    # the hips are under the shirt's hem, behind the belly, when one stands
    assert {"thigh_l", "thigh_r"} <= {bones.joints[joint] for frame, _, joint in hidden if frame == 0}


def test_colours_are_where_the_truth_says():
    green, grey = (0.0, 1.0, 0.0), (0.3, 0.3, 0.3)
    subject = Subject("green hands", sleeve=2.2, colours=(green, grey, grey, grey, grey))
    _, shot = film("glasses", BOTH_FORWARD, SQUAT, subject=subject)
    joint = MOUNTS["glasses"][1].joints.index("hand_l")
    for frame in range(2):
        u, v = (shot.truth.points2d_px[frame, 0, joint] * (PX / FRAME_PX)).long().tolist()
        patch = shot.pictures.images[frame, 0, :, v - 3 : v + 4, u - 3 : u + 4].float()
        red, green_seen, blue = patch.flatten(1)
        assert ((green_seen > 2 * red) & (green_seen > 2 * blue)).any()


@pytest.mark.parametrize("rig", MOUNTS)
def test_left_is_left(rig):
    _, shot = film(rig, LEFT_FORWARD)
    for parts in shot.pictures.part[0]:
        hand = pixels_of(parts, "hand_l")
        assert len(hand) > 10
        assert hand[:, 1].mean() < PX / 2
        assert pixels_of(parts, "thigh_l")[:, 1].mean() < pixels_of(parts, "thigh_r")[:, 1].mean()


def test_the_body_is_below_and_the_world_ahead_is_above():
    _, shot = film("glasses", LEFT_FORWARD)
    rows = {name: pixels_of(shot.pictures.part[0, 0], name)[:, 0].mean() for name in ("hand_l", "ball_r", "chest")}
    assert rows["hand_l"] < rows["ball_r"] < rows["chest"]


def test_what_is_near_lies_further_right_in_the_left_view():
    bones = MOUNTS["glasses"][1]
    _, shot = film("glasses", BOTH_FORWARD, SQUAT)
    u = shot.truth.points2d_px[..., 0]
    seen = (shot.truth.visibility == Visibility.VISIBLE).all(1)
    assert seen.sum() > 8
    disparity = (u[:, 0] - u[:, 1])[seen]
    assert (disparity > 0).all()
    for side in "lr":
        left, right = (pixels_of(parts, f"hand_{side}")[:, 1].mean() for parts in shot.pictures.part[0])
        assert left > right
        far = bones.joints.index(f"ball_{side}")
        near = bones.joints.index(f"hand_{side}")
        assert (u[0, 0] - u[0, 1])[near] > (u[0, 0] - u[0, 1])[far]


def test_raised_arms_and_the_head_are_out_of_view():
    bones = MOUNTS["glasses"][1]
    _, shot = film("glasses", ARMS_UP)
    for name in ("head", "hand_l", "hand_r"):
        assert (shot.truth.visibility[0, :, bones.joints.index(name)] == Visibility.OUT_OF_VIEW).all(), name


def test_outside_the_image_circle_it_is_dark_and_empty():
    _, shot = film("stick", SQUAT)
    centres = (torch.arange(PX) + 0.5) * (FRAME_PX / PX)
    px = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), -1)
    for view, camera in enumerate(MOUNTS["stick"][0].rig.cameras):
        outside = ~camera.unproject(px)[1]
        assert outside.any()
        assert (shot.pictures.images[0, view][:, outside] < 10).all()
        assert (shot.pictures.part[0, view][outside] == NOTHING).all()
        assert shot.pictures.images[0, view][:, ~outside].float().mean() > 30


@pytest.mark.parametrize("rig", MOUNTS)
def test_truth_is_of_one_geometry(rig):
    mount, bones = MOUNTS[rig]
    _, shot = film(rig, *POSES, px=64)
    truth = shot.truth
    absolute = truth.pose_cm + truth.origin_cm[:, :1]
    px, _ = mount.rig.project(absolute)
    for joint, name in enumerate(bones.joints):
        if name != "cam":
            torch.testing.assert_close(truth.points2d_px[:, :, joint], px[:, :, joint], atol=1e-2, rtol=1e-5)
    assert torch.isfinite(truth.points2d_px).all()


def test_unrealego_poses_hang_on_the_pelvis_and_egocap_poses_on_the_camera():
    mount, _ = MOUNTS["glasses"]
    _, shot = film("glasses", ARMS_DOWN, px=64)
    body, frames = staged(mount, ARMS_DOWN)
    pelvis = (frames.bones_cm[:, :1] - frames.centre_cm[:, None]) @ frames.axes
    torch.testing.assert_close(shot.truth.origin_cm, mount.rig.to_views(pelvis)[:, :, 0], atol=1e-3, rtol=1e-5)
    thighs = [MOUNTS["glasses"][1].joints.index(f"thigh_{side}") for side in "lr"]
    hips = shot.truth.pose_cm[0, thighs]
    torch.testing.assert_close(hips.norm(dim=-1), body.offsets_cm[[BONES.index("thigh_l")] * 2].norm(dim=-1))

    _, shot = film("stick", ARMS_DOWN, px=64)
    assert (shot.truth.origin_cm == 0).all()
    assert (shot.truth.pose_cm[:, 0] == 0).all()
    assert (shot.truth.visibility[:, :, 0] == Visibility.OUT_OF_VIEW).all()
    torch.testing.assert_close(shot.truth.points2d_px[:, 0, 0], shot.truth.points2d_px[:, 0, 1])


def test_mounts_stand_as_their_rigs_say():
    for mount, _ in MOUNTS.values():
        _, frames = staged(mount.shifted(0.5, -0.5, 0.3, 2.0), ARMS_DOWN)
        axes, centres = both_cameras(mount.rig, frames.centre_cm, frames.axes)
        point = frames.bones_cm[:, 3:5]
        left, right = ((point - centres[:, view, None]) @ axes[:, view] for view in range(2))
        torch.testing.assert_close(mount.rig.to_views(left)[:, 1], right, atol=1e-3, rtol=1e-4)
        assert torch.linalg.det(torch.tensor(mount.rotation)) == pytest.approx(1.0, abs=1e-5)
        assert axes[0, 0, 1, 2] < -0.8  # looks down


def test_everybody_stands_on_the_ground():
    rng = np.random.default_rng(5)
    heights = []
    for _ in range(6):
        subject = Subject.random(rng, "x")
        body, frames = staged(glasses(), ARMS_DOWN, BOTH_FORWARD, subject=subject)
        assert 150 <= subject.height_cm <= 195
        heights.append(float(frames.centre_cm[0, 1]))
        soles = (frames.pose.start_cm[..., 1] - body.radii_cm[:, 0]).amin(-1)
        assert (soles > -4).all()
        assert (soles < 1).all()
    assert max(heights) - min(heights) > 5


def test_nobody_sinks_into_the_ground_nor_hangs_above_it_lying_down():
    face_down = {"pelvis": turn("x", 90)}
    _body, frames = staged(glasses(), face_down, {"pelvis": turn("x", -90)})
    _, cameras = both_cameras(glasses().rig, frames.centre_cm, frames.axes)
    lowest = torch.minimum(frames.pose.start_cm[..., 1].amin(-1), cameras[..., 1].amin(-1))
    assert (cameras[..., 1] > 3).all()
    assert (lowest > 0).all()


def test_a_jump_leaves_the_ground():
    clip = clip_of(ARMS_DOWN, ARMS_DOWN)
    clip.root_cm[1, 1] += 50
    frames = pose_body(Body(Subject("somebody")), glasses(), clip, [0, 1], 0.0)
    assert frames.bones_cm[1, 0, 1] - frames.bones_cm[0, 0, 1] == pytest.approx(50, abs=2)


def test_a_picture_size_that_does_not_fit_the_tiles_is_refused():
    with pytest.raises(ValueError, match="multiple of 8"):
        Renderer(glasses().rig, 100)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_sees_the_same():
    mount, bones = MOUNTS["glasses"]
    body, frames = staged(mount, *POSES)
    scene = Surroundings.random(np.random.default_rng(3), frames.bones_cm)
    films = [Camera(Renderer(mount.rig, PX, device), bones).film(body, frames, scene) for device in ("cpu", "cuda")]
    assert (films[0].pictures.part == films[1].pictures.part).float().mean() > 0.999
    difference = (films[0].pictures.images.int() - films[1].pictures.images.int()).abs()
    assert (difference <= 2).float().mean() > 0.98

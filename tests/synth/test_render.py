"""Pictures compared with their own ground truth, and the renderer with brute force."""

import math

import numpy as np
import pytest
import torch

from egotap_pl.core.batch import FRAME_PX, Visibility
from egotap_pl.core.skeleton import egocap, unrealego
from egotap_pl.synth.body import PARTS, Body
from egotap_pl.synth.figure import BONES, Clip, bone_of
from egotap_pl.synth.mount import both_cameras, glasses, stick
from egotap_pl.synth.render import Renderer
from egotap_pl.synth.sequence import Camera, pose_body
from egotap_pl.synth.subject import Subject
from egotap_pl.synth.surroundings import Surroundings
from egotap_pl.synth.tiles import NOTHING

PX = 128
RIGS = {"glasses": (glasses(), unrealego()), "stick": (stick(), egocap())}


def turn(axis, degrees):
    """Rotation about a coordinate axis."""
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
    """A clip of one frame per pose; a pose maps bones to rotations relative to their parents."""
    rotations = torch.eye(3).repeat(len(poses), len(BONES), 1, 1)
    for frame, pose in enumerate(poses):
        for bone, rotation in pose.items():
            rotations[frame, BONES.index(bone)] = rotation
    root = torch.tensor((0.0, 95.0, 0.0)).repeat(len(poses), 1)
    return Clip(rotations, root, 30.0, "dancing", "test")


def posed_body(mount, *poses, subject=None, heading=0.7):
    """A body, and its frames in the world."""
    body = Body(subject or Subject("somebody"), mount.parts)
    return body, pose_body(body, mount, clip_of(*poses), range(len(poses)), heading)


def film(rig, *poses, subject=None, px=PX):
    """A body, and its rendered frames."""
    mount, skeleton = RIGS[rig]
    body, frames = posed_body(mount, *poses, subject=subject)
    surroundings = Surroundings.random(np.random.default_rng(3), frames.bones_cm)
    return body, Camera(Renderer(mount.rig, px), skeleton).film(body, frames, surroundings)


def pixels_of(parts, name):
    """(row, column) of the pixels that show a part of the named bone."""
    numbers = torch.tensor([i for i, part in enumerate(PARTS) if part.bone == name])
    return torch.isin(parts, numbers).nonzero().float()


@pytest.mark.parametrize("rig", RIGS)
def test_culling_changes_nothing(rig):
    mount, _ = RIGS[rig]
    rng = np.random.default_rng(0)
    for _ in range(3):
        body, frames = posed_body(mount, *POSES, subject=Subject.random(rng, "x"), heading=float(rng.uniform(0, 6)))
        renderer = Renderer(mount.rig, 64)
        culled, brute_force = (renderer.cast(body, frames, cull=cull).hits for cull in (True, False))
        assert torch.equal(culled.part, brute_force.part)
        assert torch.equal(culled.distance_cm, brute_force.distance_cm)
        assert (culled.part != NOTHING).float().mean() > 0.1


@pytest.mark.parametrize("rig", RIGS)
def test_the_part_of_a_visible_joint_is_seen_at_its_pixel(rig):
    body, shot = film(rig, *POSES, px=256)
    skeleton = RIGS[rig][1]
    checked = 0
    for joint, name in enumerate(skeleton.joints):
        if name == "cam":
            continue
        touching, _ = body.touching(torch.tensor([bone_of(skeleton.name, name)]))
        for frame, view in (shot.truth.visibility[..., joint] == Visibility.VISIBLE).nonzero().tolist():
            u, v = (shot.truth.points2d_px[frame, view, joint] * (256 / FRAME_PX)).long().tolist()
            around = shot.pictures.part[frame, view, max(v - 1, 0) : v + 2, max(u - 1, 0) : u + 2].flatten().long()
            assert touching[0, around[around != NOTHING]].any(), (name, frame, view)
            checked += 1
    assert checked > 30


def test_an_occluded_joint_has_a_part_in_front():
    _body, shot = film("glasses", *POSES, px=256)
    skeleton = RIGS["glasses"][1]
    occluded = (shot.truth.visibility == Visibility.OCCLUDED).nonzero().tolist()
    for frame, view, joint in occluded:
        u, v = (shot.truth.points2d_px[frame, view, joint] * (256 / FRAME_PX)).long().tolist()
        assert (shot.pictures.part[frame, view, max(v - 1, 0) : v + 2, max(u - 1, 0) : u + 2] != NOTHING).any()
    # In a standing subject the hips are behind the belly, under the hem of the shirt.
    assert {"thigh_l", "thigh_r"} <= {skeleton.joints[joint] for frame, _, joint in occluded if frame == 0}
    # A camera above a hanging arm sees its upper end: of the elbow's own upper arm, but far from the elbow.
    for view, side in enumerate("lr"):
        assert [0, view, skeleton.joints.index(f"lowerarm_{side}")] in occluded


def test_colours_are_at_the_true_2d_points():
    green, grey = (0.0, 1.0, 0.0), (0.3, 0.3, 0.3)
    subject = Subject("green hands", sleeve=2.2, colours=(green, grey, grey, grey, grey))
    _, shot = film("glasses", BOTH_FORWARD, SQUAT, subject=subject)
    joint = RIGS["glasses"][1].joints.index("hand_l")
    for frame in range(2):
        u, v = (shot.truth.points2d_px[frame, 0, joint] * (PX / FRAME_PX)).long().tolist()
        patch = shot.pictures.images[frame, 0, :, v - 3 : v + 4, u - 3 : u + 4].float()
        r, g, b = patch.flatten(1)
        assert ((g > 2 * r) & (g > 2 * b)).any()


@pytest.mark.parametrize(("rig", "to_the_left"), [("glasses", 1), ("stick", -1)])
def test_left_is_left(rig, to_the_left):
    _, shot = film(rig, LEFT_FORWARD)
    for parts in shot.pictures.part[0]:
        hand = pixels_of(parts, "hand_l")
        assert len(hand) > 10
        assert (hand[:, 1].mean() - PX / 2) * to_the_left > 0
        thighs = [pixels_of(parts, f"thigh_{side}")[:, 1].mean() for side in "lr"]
        assert (thighs[0] - thighs[1]) * to_the_left > 0


@pytest.mark.parametrize(("rig", "forwards"), [("glasses", 1), ("stick", -1)])
def test_a_stretched_hand_is_in_front_of_the_toes_and_these_in_front_of_the_chest(rig, forwards):
    _, shot = film(rig, LEFT_FORWARD)
    parts = shot.pictures.part[0, 0]
    hand, ball, chest = (pixels_of(parts, name)[:, 0].mean() for name in ("hand_l", "ball_r", "chest"))
    assert hand * forwards > ball * forwards > chest * forwards


def test_near_points_are_farther_right_in_the_right_view():
    skeleton = RIGS["glasses"][1]
    _, shot = film("glasses", BOTH_FORWARD, SQUAT)
    u = shot.truth.points2d_px[..., 0]
    visible = (shot.truth.visibility == Visibility.VISIBLE).all(1)
    assert visible.sum() > 8
    disparity = (u[:, 1] - u[:, 0])[visible]
    assert (disparity > 0).all()
    for side in "lr":
        left, right = (pixels_of(parts, f"hand_{side}")[:, 1].mean() for parts in shot.pictures.part[0])
        assert right > left
        far = skeleton.joints.index(f"ball_{side}")
        near = skeleton.joints.index(f"hand_{side}")
        assert (u[0, 1] - u[0, 0])[near] > (u[0, 1] - u[0, 0])[far]


def test_raised_arms_are_out_of_view():
    skeleton = RIGS["glasses"][1]
    _, shot = film("glasses", ARMS_UP)
    for name in ("hand_l", "hand_r"):
        assert (shot.truth.visibility[0, :, skeleton.joints.index(name)] == Visibility.OUT_OF_VIEW).all(), name


def test_pictures_are_dark_and_empty_outside_the_image_circle():
    _, shot = film("stick", SQUAT)
    centres = (torch.arange(PX) + 0.5) * (FRAME_PX / PX)
    px = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), -1)
    for view, camera in enumerate(RIGS["stick"][0].rig.cameras):
        outside = ~camera.unproject(px)[1]
        assert outside.any()
        assert (shot.pictures.images[0, view][:, outside] == 0).all()
        assert (shot.pictures.part[0, view][outside] == NOTHING).all()
        assert shot.pictures.images[0, view][:, ~outside].float().mean() > 30


@pytest.mark.parametrize("rig", RIGS)
def test_2d_points_are_projections_of_the_pose(rig):
    mount, skeleton = RIGS[rig]
    _, shot = film(rig, *POSES, px=64)
    truth = shot.truth
    absolute = truth.pose_cm + truth.origin_cm[:, :1]
    px, _ = mount.rig.project(absolute)
    for joint, name in enumerate(skeleton.joints):
        if name != "cam":
            torch.testing.assert_close(truth.points2d_px[:, :, joint], px[:, :, joint], atol=1e-2, rtol=1e-5)
    assert torch.isfinite(truth.points2d_px).all()


def test_the_origin_is_the_pelvis_for_unrealego_and_the_camera_for_egocap():
    mount, _ = RIGS["glasses"]
    _, shot = film("glasses", ARMS_DOWN, px=64)
    body, frames = posed_body(mount, ARMS_DOWN)
    pelvis = (frames.bones_cm[:, :1] - frames.centre_cm[:, None]) @ frames.axes
    torch.testing.assert_close(shot.truth.origin_cm, mount.rig.to_views(pelvis)[:, :, 0], atol=1e-3, rtol=1e-5)
    thighs = [RIGS["glasses"][1].joints.index(f"thigh_{side}") for side in "lr"]
    hips = shot.truth.pose_cm[0, thighs]
    torch.testing.assert_close(hips.norm(dim=-1), body.offsets_cm[[BONES.index("thigh_l")] * 2].norm(dim=-1))

    _, shot = film("stick", ARMS_DOWN, px=64)
    assert (shot.truth.origin_cm == 0).all()
    assert (shot.truth.pose_cm[:, 0] == 0).all()
    assert (shot.truth.visibility[:, :, 0] == Visibility.OUT_OF_VIEW).all()
    torch.testing.assert_close(shot.truth.points2d_px[:, 0, 0], shot.truth.points2d_px[:, 0, 1])


def test_the_cameras_of_a_mount_are_placed_as_in_its_rig():
    for mount, _ in RIGS.values():
        _, frames = posed_body(mount.shifted(0.5, -0.5, 0.3, 2.0), ARMS_DOWN)
        axes, centres = both_cameras(mount.rig, frames.centre_cm, frames.axes)
        point = frames.bones_cm[:, 3:5]
        left, right = ((point - centres[:, view, None]) @ axes[:, view] for view in range(2))
        torch.testing.assert_close(mount.rig.to_views(left)[:, 1], right, atol=1e-3, rtol=1e-4)
        assert torch.linalg.det(torch.tensor(mount.rotation)) == pytest.approx(1.0, abs=1e-5)
        assert axes[0, 0, 1, 2] < -0.8  # looks down


def test_subjects_of_any_size_stand_on_the_ground():
    rng = np.random.default_rng(5)
    heights = []
    for _ in range(6):
        subject = Subject.random(rng, "x")
        body, frames = posed_body(glasses(), ARMS_DOWN, BOTH_FORWARD, subject=subject)
        assert 150 <= subject.height_cm <= 195
        heights.append(float(frames.centre_cm[0, 1]))
        soles = (frames.parts.start_cm[..., 1] - body.radii_cm[:, 0]).amin(-1)
        assert (soles > -4).all()
        assert (soles < 1).all()
    assert max(heights) - min(heights) > 5


def test_neither_body_nor_cameras_sink_into_the_ground():
    face_down = {"pelvis": turn("x", 90)}
    _body, frames = posed_body(glasses(), face_down, {"pelvis": turn("x", -90)})
    _, cameras = both_cameras(glasses().rig, frames.centre_cm, frames.axes)
    lowest = torch.minimum(frames.parts.start_cm[..., 1].amin(-1), cameras[..., 1].amin(-1))
    assert (cameras[..., 1] > 3).all()
    assert (lowest > 0).all()


def test_a_jump_leaves_the_ground():
    clip = clip_of(ARMS_DOWN, ARMS_DOWN)
    clip.root_cm[1, 1] += 50
    frames = pose_body(Body(Subject("somebody")), glasses(), clip, [0, 1], 0.0)
    assert frames.bones_cm[1, 0, 1] - frames.bones_cm[0, 0, 1] == pytest.approx(50, abs=2)


def test_picture_sizes_that_are_not_a_multiple_of_the_tiles_are_refused():
    with pytest.raises(ValueError, match="multiple of 8"):
        Renderer(glasses().rig, 100)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_renders_the_same():
    mount, skeleton = RIGS["glasses"]
    body, frames = posed_body(mount, *POSES)
    surroundings = Surroundings.random(np.random.default_rng(3), frames.bones_cm)
    films = [
        Camera(Renderer(mount.rig, PX, device), skeleton).film(body, frames, surroundings) for device in ("cpu", "cuda")
    ]
    assert (films[0].pictures.part == films[1].pictures.part).float().mean() > 0.999
    difference = (films[0].pictures.images.int() - films[1].pictures.images.int()).abs()
    assert (difference <= 2).float().mean() > 0.98

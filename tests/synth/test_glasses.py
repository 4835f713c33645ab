"""EgoSynth's glasses beside UnrealEgo's, and what the wearer's face hides.

The sample frame of UnrealEgo's repository shows a person who stands with lowered arms. Its true heatmaps are 64 px wide
and tell the depth of a hip to about 10 cm only. Tests that need its pictures look for them beside the repository; the
environment variable EGOTAP_REAL_DATA names another folder.
"""

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_render import ARMS_DOWN, BOTH_FORWARD, LEFT_FORWARD, PX, film, pixels_of, posed_body

from egotap_pl.core.batch import FRAME_PX, Visibility
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import unrealego
from egotap_pl.synth.body import PARTS
from egotap_pl.synth.figure import BONES
from egotap_pl.synth.mount import both_cameras, glasses, stick
from egotap_pl.synth.render import Renderer
from egotap_pl.synth.subject import Subject

REPOSITORY = Path(__file__).resolve().parents[2]
REAL = Path(os.environ.get("EGOTAP_REAL_DATA", REPOSITORY.parent / "shared" / "real")) / "unrealego"
needs_the_sample = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"needs UnrealEgo's sample frame: {REAL} does not exist (set EGOTAP_REAL_DATA)"
)

# Triangulated from the sample's true heatmaps, in the left camera's frame, cm.
SAMPLE_CM = {
    "neck_01": (-4.8, -16.4, 16.4),
    "upperarm_r": (-19.8, -19.0, 27.1),
    "upperarm_l": (12.5, -14.7, 22.5),
    "thigh_r": (-14.8, -20.4, 58.4),
    "thigh_l": (3.6, -24.6, 70.6),
}
HEATMAP_PX = 64
CELL_PX = FRAME_PX / HEATMAP_PX
OF_THE_SAMPLES_SIZE = Subject("somebody", height_cm=164.0)  # shoulders 33 cm apart, as measured


def joints_cm(mount, *poses, subject=None):
    """The joints of UnrealEgo's skeleton in the left camera's frame, by name."""
    _, frames = posed_body(mount, *(poses or (ARMS_DOWN,)), subject=subject)
    left = ((frames.bones_cm - frames.centre_cm[:, None]) @ frames.axes)[0].double()
    return {joint: left[BONES.index({"neck_01": "neck"}.get(joint, joint))] for joint in unrealego().joints}


def middles(joints):
    """Neck, middle of the shoulders and middle of the hips."""
    shoulders, hips = ((joints[f"{name}_l"] + joints[f"{name}_r"]) / 2 for name in ("upperarm", "thigh"))
    return joints["neck_01"], shoulders, hips


def sample():
    """The sample's joints in the left camera's frame, by name."""
    return {joint: torch.tensor(point, dtype=torch.float64) for joint, point in SAMPLE_CM.items()}


def peaks():
    """Heatmap pixel (column, row) of every joint of the sample in each view, by name.

    The pictures merge the heatmaps of all joints; every peak is white. A joint's is the one nearest to its projection.
    """
    pixels = []
    for side in ("left", "right"):
        rows, columns = np.nonzero(np.asarray(Image.open(REAL / f"gt_heatmap_{side}.png")) == 255)
        pixels.append(torch.tensor(np.stack((columns, rows), -1)).double())
    px = StereoRig.unrealego().project(torch.stack(list(sample().values())))[0] / CELL_PX
    nearest = {}
    for joint, views in zip(SAMPLE_CM, px.transpose(0, 1), strict=True):
        distances = [(candidates + 0.5 - at).norm(dim=-1) for candidates, at in zip(pixels, views, strict=True)]
        assert max(distance.min() for distance in distances) < 1, f"{joint}: no peak near its projection"
        nearest[joint] = torch.stack([p[d.argmin()] for p, d in zip(pixels, distances, strict=True)])
    return nearest


def in_both_pixels(pixels, rig):
    """Points (cm) that project into a joint's pixel in the left view and into its pixel in the right view."""
    at = (torch.arange(9) + 0.5) / 9
    px = (pixels[0] + torch.cartesian_prod(at, at).double()) * CELL_PX
    rays = rig.cameras[0].unproject(px)[0]
    points = (rays / rays[:, 2:] * torch.arange(5.0, 140.0, 0.25)[:, None, None].double()).flatten(0, 1)
    right = rig.project(points)[0][1]
    return points[((right / CELL_PX).floor() == pixels[1]).all(-1)]


def gap_and_depths_cm(pixels, rig):
    """Smallest distance between the rays through both pixels' centres, and how far along the rays it is."""
    left, right = (camera.unproject((p + 0.5) * CELL_PX)[0] for camera, p in zip(rig.cameras, pixels, strict=True))
    centre = -torch.tensor(rig.rotation).double().T @ torch.tensor(rig.translation_cm).double()
    right = torch.tensor(rig.rotation).double().T @ right
    depths = torch.linalg.lstsq(torch.stack((left, -right), -1), centre).solution
    return float((left * depths[0] - right * depths[1] - centre).norm()), depths


def test_neck_shoulders_and_hips_are_where_the_sample_has_them():
    ours = joints_cm(glasses(), subject=OF_THE_SAMPLES_SIZE)
    for mine, measured in zip(middles(ours), middles(sample()), strict=True):
        assert (mine - measured).norm() < 4
    for joint in ("upperarm", "thigh"):
        width, measured = ((j[f"{joint}_l"] - j[f"{joint}_r"])[0] for j in (ours, sample()))
        assert width == pytest.approx(measured, abs=3)


def test_the_cameras_look_along_the_trunk_as_the_samples_do():
    for subject in (OF_THE_SAMPLES_SIZE, Subject("average")):
        trunks = [middles(j)[2] - middles(j)[0] for j in (joints_cm(glasses(), subject=subject), sample())]
        cosine = torch.nn.functional.cosine_similarity(trunks[0], trunks[1], dim=0)
        assert math.degrees(math.acos(cosine)) < 10


@needs_the_sample
def test_each_joint_is_near_a_point_that_the_samples_heatmaps_allow():
    worn = glasses().shifted(left_cm=-1.0, up_cm=0.0, forward_cm=0.0, tilt_deg=0.0)  # a little off centre, as there
    ours = joints_cm(worn, subject=OF_THE_SAMPLES_SIZE)
    for joint, pixels in peaks().items():
        allowed = in_both_pixels(pixels, glasses().rig)
        assert len(allowed) > 0, joint
        assert (allowed - ours[joint]).norm(dim=-1).min() < 4, joint


@needs_the_sample
def test_rays_through_the_samples_peaks_meet_in_front_of_our_rig_only():
    rig = StereoRig.unrealego()
    x, y, z = rig.translation_cm
    opposite = replace(rig, translation_cm=(-x, y, z))
    for joint, pixels in peaks().items():
        gap_cm, depths_cm = gap_and_depths_cm(pixels, rig)
        assert gap_cm < 1.5, joint
        assert (depths_cm > 0).all(), joint
        assert (gap_and_depths_cm(pixels, opposite)[1] < 0).all(), joint


@needs_the_sample
def test_our_pictures_are_black_and_lit_where_the_samples_are():
    _, shot = film("glasses", ARMS_DOWN, px=256)
    for side, ours in zip(("left", "right"), shot.pictures.images[0], strict=True):
        real = torch.tensor(np.asarray(Image.open(REAL / f"input_rgb_{side}.png").convert("RGB"))).amax(-1)
        assert ((real == 0) == (ours.amax(0) == 0)).double().mean() > 0.95


def test_image_right_is_the_wearers_left_and_the_body_is_at_the_top():
    _, shot = film("glasses", LEFT_FORWARD)
    for parts in shot.pictures.part[0]:
        hand, chest = pixels_of(parts, "hand_l"), pixels_of(parts, "chest")
        assert len(hand) > 10
        assert hand[:, 1].mean() > PX / 2
        assert chest[:, 0].mean() < PX / 2
    points = shot.truth.points2d_px[0]
    joint = {name: points[:, j] for j, name in enumerate(unrealego().joints)}
    for name in ("upperarm", "hand", "thigh", "ball"):
        assert (joint[f"{name}_l"][:, 0] > joint[f"{name}_r"][:, 0]).all(), name
    assert (joint["ball_l"][:, 1] > joint["foot_l"][:, 1]).all(), "toes point to the bottom"


def test_the_right_camera_is_on_the_wearers_right():
    for mount in (glasses(), stick()):
        _, frames = posed_body(mount, ARMS_DOWN, heading=0.0)
        _, centres = both_cameras(mount.rig, frames.centre_cm, frames.axes)
        to_right = centres[0, 1] - centres[0, 0]
        assert to_right[0] == pytest.approx(-math.hypot(*mount.rig.translation_cm), abs=0.1)  # world X: to the left
    assert glasses().rig.translation_cm == (12.0, 0.0, 0.0)
    assert stick().rig.translation_cm[0] < -17  # EgoCap's stand-in sees the wearer the other way round


def test_face_and_frame_fill_the_upper_inner_corner_of_each_view():
    body, shot = film("glasses", ARMS_DOWN)
    near = torch.tensor([part.bone == "head" for part in body.parts])
    left, right = (near[part.clamp(min=0).long()] & (part >= 0) for part in shot.pictures.part[0])
    half = PX // 2
    for seen, inner, outer in ((left, slice(0, half), slice(half, PX)), (right, slice(half, PX), slice(0, half))):
        assert seen[:half, inner].double().mean() > 0.4
        assert seen[half:].double().mean() < 0.05
        assert seen[:, outer].double().mean() < 0.05


def test_the_face_hides_the_far_shoulder():
    body, shot = film("glasses", ARMS_DOWN)
    names = unrealego().joints
    left, right = names.index("upperarm_l"), names.index("upperarm_r")
    assert shot.truth.visibility[0, 0, left] == shot.truth.visibility[0, 1, right] == Visibility.VISIBLE
    assert shot.truth.visibility[0, 0, right] == shot.truth.visibility[0, 1, left] == Visibility.OCCLUDED
    for view, joint in ((0, right), (1, left)):
        u, v = (shot.truth.points2d_px[0, view, joint] * PX / FRAME_PX).long().tolist()
        assert body.parts[shot.pictures.part[0, view, v, u]].bone == "head"


def test_the_frame_stays_where_it_is_before_the_cameras_however_it_is_worn():
    worn = glasses().shifted(0.8, -0.6, 0.5, 3.0)
    for subject in (Subject("small", height_cm=150.0), Subject("tall", height_cm=195.0)):
        body, frames = posed_body(worn, BOTH_FORWARD, subject=subject)
        start = (frames.parts.start_cm[0] - frames.centre_cm) @ frames.axes[0]
        expected = torch.tensor([part.start for part in glasses().frame])
        torch.testing.assert_close(start[len(PARTS) :], expected, atol=1e-3, rtol=0)
        assert (body.radii_cm[len(PARTS) :] == torch.tensor([part.radii for part in glasses().frame])).all()


def test_the_cameras_are_in_front_of_every_face():
    rng = np.random.default_rng(2)
    for number in range(20):
        subject = Subject.random(rng, str(number))
        left, up, forward = rng.uniform(-1, 1, 3)
        mount = glasses().shifted(left, up, forward, 0.0)
        body, frames = posed_body(mount, ARMS_DOWN, subject=subject)
        hits = Renderer(mount.rig, 32).cast(body, frames).hits
        assert hits.distance_cm.min() > 0.3


def test_a_stick_has_no_glasses():
    assert stick().parts == ()

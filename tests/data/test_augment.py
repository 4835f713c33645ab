"""Augmentation: colours change as configured, and mirrored frames are what the rig would see."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from scipy.spatial.transform import Rotation

from egotap_pl.core import skeleton as skeletons
from egotap_pl.core.batch import FRAME_PX, Batch, Heatmaps, Past
from egotap_pl.core.camera import FisheyeCamera, StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.heatmap import joint_heatmaps, limb_heatmaps
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.augment import InTurn, Jpeg, Photometric, SwapMirror, blurred, check_frames, swap_mirror
from egotap_pl.data.augment.jpeg import compressed

NO_CHANGE = {
    "brightness": 0.0,
    "contrast": 0.0,
    "saturation": 0.0,
    "gamma": 0.0,
    "tint": 0.0,
    "noise": 0.0,
    "blur_px": 0.0,
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch_for(rig: StereoRig, image_px: int = 256, frames: int = 6) -> Batch:
    """Points in front of the rig. The first three joints are drawn as soft spots, each in a colour channel."""
    random = np.random.default_rng(1)
    skeleton = skeletons.unrealego()
    low, high = (-30.0, -30.0, 40.0), (30.0, 30.0, 90.0)
    left = torch.from_numpy(random.uniform(low, high, (frames, skeleton.num_joints, 3)))
    px, _ = rig.project(left)
    u = v = (torch.arange(image_px) + 0.5) * FRAME_PX / image_px
    spots_px = px[:, :, :3]
    squared_distance = (u - spots_px[..., 0, None, None]) ** 2 + (v[:, None] - spots_px[..., 1, None, None]) ** 2
    images = (250 * torch.exp(-0.5 * squared_distance / 20**2)).round().byte()
    origin = left.mean(1, keepdim=True)
    return Batch(
        images=images,
        points2d_px=px.float(),
        pose_cm=(left - origin).float(),
        origin_cm=rig.to_views(origin)[:, :, 0].float(),
        visibility=torch.from_numpy(random.integers(1, 4, (frames, 2, skeleton.num_joints))).byte(),
        category=torch.arange(frames),
        frame=torch.arange(frames),
    )


def toed_in(angle_deg: float = 8.0) -> StereoRig:
    """A rig whose cameras are 12 cm apart and turned towards each other, each by half the angle."""
    rotation = Rotation.from_euler("y", angle_deg, degrees=True)
    half = Rotation.from_euler("y", angle_deg / 2, degrees=True)
    camera = FisheyeCamera.unrealego()
    return StereoRig.of("toed in", (camera, camera), rotation.as_matrix(), -half.apply([12.0, 0.0, 0.0]))


def with_heatmaps(batch: Batch, size: int = 64) -> Batch:
    """The batch with heatmaps drawn from its points and poses."""
    skeleton = skeletons.unrealego()
    limb = limb_heatmaps(batch.points2d_px, batch.pose_cm, skeleton, size)
    return batch._replace(heatmaps=Heatmaps(joint_heatmaps(batch.points2d_px, skeleton, size), limb))


def test_mirrored_heatmaps_are_those_drawn_of_the_mirrored_scene() -> None:
    left = FisheyeCamera.unrealego()
    middle = (FRAME_PX / 2, left.centre_px[1])
    rig = replace(StereoRig.unrealego(), cameras=(replace(left, centre_px=middle),) * 2)
    mirrored = swap_mirror(with_heatmaps(batch_for(rig, image_px=4, frames=20)), skeletons.unrealego(), rig)
    drawn = with_heatmaps(mirrored).heatmaps
    assert drawn is not None
    assert mirrored.heatmaps is not None
    for name in Heatmaps._fields:
        expected, found = getattr(drawn, name), getattr(mirrored.heatmaps, name)
        assert expected.abs().amax() > 0.5
        inside = slice(3, -3)  # a limb that is cut off at one edge goes on at the other side of a flipped map
        same = ((found - expected).abs()[..., inside].flatten(3) < 1e-4).all(-1)
        assert same.float().mean() > 0.98, name  # but for ends that are rounded the other way


def test_heatmaps_are_mirrored_about_the_optical_axis() -> None:
    rig, skeleton = StereoRig.unrealego(), skeletons.unrealego()
    aside = FRAME_PX / 64  # a heatmap's pixel
    left = FisheyeCamera.unrealego()
    shifted = replace(rig, cameras=(replace(left, centre_px=(512 + aside / 2, left.centre_px[1])),) * 2)
    mirrored = swap_mirror(with_heatmaps(batch_for(shifted, image_px=4)), skeleton, shifted)
    assert mirrored.heatmaps is not None
    expected = joint_heatmaps(mirrored.points2d_px, skeleton, 64)
    torch.testing.assert_close(mirrored.heatmaps.joint[..., 4:-4], expected[..., 4:-4], atol=1e-4, rtol=0)


def test_heatmaps_without_a_mirror_image_are_refused() -> None:
    rig, chain = StereoRig.unrealego(), skeletons.unrealego().with_parents((0, *range(15)))
    batch = with_heatmaps(batch_for(rig, image_px=4), size=16)
    with pytest.raises(EgotapError, match=r"turned have no mirror image.*heatmaps\.cache=false"):
        swap_mirror(batch, skeletons.unrealego(), toed_in())
    with pytest.raises(EgotapError, match=r"left and right limbs.*heatmaps\.cache=false"):
        InTurn([SwapMirror(chain, rig)]).check_heatmaps()
    with pytest.raises(EgotapError, match="Photometric changes images"):
        InTurn([SwapMirror(skeletons.unrealego(), rig), Photometric()]).check_heatmaps()


@pytest.mark.parametrize("rig", [StereoRig.unrealego(), toed_in()], ids=lambda rig: rig.name)
def test_mirrored_poses_project_to_mirrored_points(rig: StereoRig) -> None:
    mirrored = swap_mirror(batch_for(rig), skeletons.unrealego(), rig)
    px, _ = rig.project(mirrored.pose_cm + mirrored.origin_cm[:, :1])
    torch.testing.assert_close(px, mirrored.points2d_px, atol=0.05, rtol=0)
    origin = rig.to_views(mirrored.origin_cm[:, :1])[:, :, 0]
    torch.testing.assert_close(origin, mirrored.origin_cm, atol=1e-3, rtol=0)


def test_mirrored_images_show_the_mirrored_points() -> None:
    rig, skeleton = StereoRig.unrealego(), skeletons.unrealego()
    mirrored = swap_mirror(batch_for(rig), skeleton, rig)
    size = mirrored.images.shape[-1]
    pixels = (torch.arange(size) + 0.5) * FRAME_PX / size
    weight = mirrored.images.double()
    total = weight.sum((-2, -1))
    centroids = torch.stack(((weight.sum(-2) * pixels).sum(-1) / total, (weight.sum(-1) * pixels).sum(-1) / total), -1)
    # Colour c showed joint c, which now has the name of its twin.
    expected = mirrored.points2d_px[:, :, [skeleton.mirror[c] for c in range(3)]].double()
    well_inside = ((expected > 100) & (expected < FRAME_PX - 100)).all(-1)
    assert well_inside.float().mean() > 0.6
    torch.testing.assert_close(centroids[well_inside], expected[well_inside], atol=0.2, rtol=0)


def test_sides_and_views_are_exchanged() -> None:
    rig, skeleton = StereoRig.unrealego(), skeletons.unrealego()
    batch = batch_for(rig)
    mirrored = swap_mirror(batch, skeleton, rig)
    left, right = skeleton.joints.index("hand_l"), skeleton.joints.index("hand_r")
    np.testing.assert_allclose(mirrored.pose_cm[:, left], batch.pose_cm[:, right] * torch.tensor([-1, 1, 1]))
    np.testing.assert_array_equal(mirrored.visibility[:, 0, left], batch.visibility[:, 1, right])
    np.testing.assert_array_equal(mirrored.pose_cm[:, 0, 1:], batch.pose_cm[:, 0, 1:])


@pytest.mark.parametrize("rig", [StereoRig.unrealego(), toed_in()], ids=lambda rig: rig.name)
def test_mirroring_twice_gives_the_batch(rig: StereoRig) -> None:
    batch, skeleton = batch_for(rig), skeletons.unrealego()
    twice = swap_mirror(swap_mirror(batch, skeleton, rig), skeleton, rig)
    for name in ("points2d_px", "pose_cm", "origin_cm", "visibility", "category", "frame"):
        torch.testing.assert_close(getattr(twice, name), getattr(batch, name), atol=1e-3, rtol=0)
    difference = (twice.images.float() - batch.images.float()).abs()
    assert difference.max() <= 6  # two interpolations


def test_rigs_without_a_mirror_image_are_refused() -> None:
    rig, skeleton = StereoRig.unrealego(), skeletons.unrealego()
    left = FisheyeCamera.unrealego()
    longer = replace(left.cropped(0, 0, 1024, 1034), size_px=left.size_px, centre_px=left.centre_px)
    tilt: Any = tuple(map(tuple, Rotation.from_euler("x", 5, degrees=True).as_matrix().tolist()))
    aside: Any = tuple(map(tuple, Rotation.from_euler("y", 5, degrees=True).as_matrix().tolist()))
    rigs_by_problem = {
        "not where the mirrored": [
            replace(rig, rotation=tilt),
            replace(rig, rotation=aside),
            replace(rig, translation_cm=(-12.0, 1.0, 0.0)),
        ],
        "lenses differ": [
            replace(rig, cameras=(left, replace(left, circle_radius_px=500.0))),
            replace(rig, cameras=(left, longer)),
            replace(rig, cameras=(left, replace(left, affine=(1.0, 0.01, 0.0)))),
            replace(rig, cameras=(replace(left, affine=(1.0, 0.01, 0.0)),) * 2),  # sheared, not mirrored
        ],
        "far from": [replace(rig, cameras=(replace(left, centre_px=(450.0, 510.0)), left))],
        "in height": [replace(rig, cameras=(replace(left, centre_px=(511.0, 505.0)), left))],
    }
    for problem, rigs in rigs_by_problem.items():
        for wrong in rigs:
            with pytest.raises(EgotapError, match=f"no mirror image.*{problem}.*without SwapMirror"):
                SwapMirror(skeleton, wrong)
    with pytest.raises(EgotapError, match="relative to the left camera"):
        SwapMirror(skeletons.egocap(), rig)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("head", "handA", "handB"), "no joint has one on the other side"),
        (("head", "hand_l", "hand_r", "foot_l"), "foot_l has no joint on the other side"),
    ],
)
def test_joints_without_another_side_are_refused(names: tuple[str, ...], message: str) -> None:
    skeleton = Skeleton("odd", names, (0,) * len(names), estimates_root=True)
    with pytest.raises(EgotapError, match=message):
        SwapMirror(skeleton, StereoRig.unrealego())


def test_mixed_precision_does_not_make_mirrored_poses_less_accurate() -> None:
    rig, skeleton = toed_in(), skeletons.unrealego()
    batch = batch_for(rig, image_px=4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pose_cm = swap_mirror(batch, skeleton, rig).pose_cm
    torch.testing.assert_close(pose_cm, swap_mirror(batch, skeleton, rig).pose_cm, atol=0, rtol=0)


def test_poses_relative_to_the_camera_are_refused_whatever_their_skeleton_estimates() -> None:
    rig, skeleton = StereoRig.unrealego(), skeletons.unrealego()
    assert skeleton.estimates_root
    batch = batch_for(rig, image_px=4)
    relative = batch._replace(origin_cm=torch.zeros_like(batch.origin_cm))
    with pytest.raises(EgotapError, match=r"relative to the left camera.*train without SwapMirror"):
        swap_mirror(relative, skeleton, rig)
    turns = InTurn([Photometric(), SwapMirror(skeleton, rig)])
    with pytest.raises(EgotapError, match="relative to the left camera"):
        check_frames(turns, relative)
    check_frames(turns, batch)


def test_a_fraction_of_the_frames_is_mirrored() -> None:
    rig, skeleton = StereoRig.unrealego(), skeletons.unrealego()
    batch = with_heatmaps(batch_for(rig, image_px=16, frames=64), size=8)
    mirrored = swap_mirror(batch, skeleton, rig)
    some = SwapMirror(skeleton, rig, 0.25)(batch, generator())
    assert some.heatmaps is not None
    assert mirrored.heatmaps is not None
    assert batch.heatmaps is not None
    is_mirrored = (some.pose_cm == mirrored.pose_cm).flatten(1).all(1)
    is_same = (some.pose_cm == batch.pose_cm).flatten(1).all(1)
    assert (is_mirrored ^ is_same).all()
    assert 4 <= is_mirrored.sum() <= 28
    assert (some.images[is_mirrored] == mirrored.images[is_mirrored]).all()
    assert (some.heatmaps.limb[is_mirrored] == mirrored.heatmaps.limb[is_mirrored]).all()
    assert (some.heatmaps.joint[is_same] == batch.heatmaps.joint[is_same]).all()


def test_a_batch_with_earlier_frames_is_mirrored_as_a_whole() -> None:
    rig, skeleton = StereoRig.unrealego(), skeletons.unrealego()
    mirror = InTurn([SwapMirror(skeleton, rig)])
    alone, earlier = batch_for(rig, image_px=16, frames=3), with_heatmaps(batch_for(rig, image_px=16, frames=4), 8)
    batch = with_heatmaps(alone, 8)._replace(past=Past(earlier, torch.tensor([[0, 1], [1, 2], [3, 3]])))
    mirrored = swap_mirror(batch._replace(past=None), skeleton, rig)
    seen = set()
    for seed in range(12):
        some = mirror(batch, generator(seed))
        assert some.past is not None
        assert torch.equal(some.past.position, batch.past.position)
        is_mirrored = not torch.equal(some.pose_cm, batch.pose_cm)
        now, before = (mirrored, swap_mirror(earlier, skeleton, rig)) if is_mirrored else (batch, earlier)
        for whole, expected in ((some, now), (some.past.frames, before)):
            assert torch.equal(whole.pose_cm, expected.pose_cm)
            assert torch.equal(whole.images, expected.images)
            assert torch.equal(whole.heatmaps.limb, expected.heatmaps.limb)
        seen.add(is_mirrored)
    assert seen == {True, False}


@pytest.fixture
def batch() -> Batch:
    return batch_for(StereoRig.unrealego(), image_px=32)


def test_photometric_changes_only_colours(batch: Batch) -> None:
    changed = Photometric()(batch, generator())
    assert changed.images.dtype == torch.uint8
    assert (changed.images != batch.images).float().mean() > 0.3
    for name in Batch._fields[1:]:
        assert getattr(changed, name) is getattr(batch, name)


def test_strengths_of_zero_change_nothing(batch: Batch) -> None:
    assert (Photometric(**NO_CHANGE)(batch, generator()).images == batch.images).all()


@pytest.mark.parametrize("name", list(NO_CHANGE))
def test_each_strength_alone_changes_images(batch: Batch, name: str) -> None:
    strength = 1.5 if name == "blur_px" else 0.4
    assert (Photometric(**NO_CHANGE | {name: strength})(batch, generator()).images != batch.images).any()


def test_equal_generators_give_equal_images(batch: Batch) -> None:
    augment = InTurn([SwapMirror(skeletons.unrealego(), StereoRig.unrealego()), Photometric()])
    first = augment(batch, generator(3)).images
    assert (augment(batch, generator(3)).images == first).all()
    assert (augment(batch, generator(4)).images != first).any()


def test_views_vary_less_than_frames(batch: Batch) -> None:
    grey = batch._replace(images=torch.full((200, 2, 3, 4, 4), 100, dtype=torch.uint8), frame=torch.arange(200))
    only_brightness = Photometric(**NO_CHANGE | {"brightness": 0.4}, between_views=0.2)
    light = only_brightness(grey, generator()).images.float().mean((2, 3, 4))
    assert 0 < (light[:, 0] - light[:, 1]).std() < 0.5 * light[:, 0].std()
    equal_views = Photometric(**NO_CHANGE | {"brightness": 0.4}, between_views=0.0)(grey, generator()).images
    assert (equal_views[:, 0] == equal_views[:, 1]).all()


def test_noise_and_brightness_vary_as_far_as_they_are_told(batch: Batch) -> None:
    grey = batch.take([0] * 128)._replace(images=torch.full((128, 2, 3, 24, 24), 100, dtype=torch.uint8))
    noisy = Photometric(**NO_CHANGE | {"noise": 0.1}, between_views=0.0)(grey, generator()).images / 255
    deviation = noisy[:, 0].flatten(1).std(1)
    assert 0.095 < deviation.max() < 0.105
    assert deviation.mean() == pytest.approx(0.05, abs=0.01)
    lit = Photometric(**NO_CHANGE | {"brightness": 0.4}, between_views=0.0)(grey, generator()).images
    change = (lit[:, 0, 0, 0, 0] / 100).log()
    assert (float(change.min()), float(change.max())) == pytest.approx((-0.4, 0.4), abs=0.03)
    tinted = Photometric(**NO_CHANGE | {"tint": 0.1}, between_views=0.0)(grey, generator()).images
    colour = (tinted[:, 0, :, 0, 0] / 100).log()
    assert (colour.abs() < 0.11).all()
    assert (colour[:, 0] - colour[:, 1]).abs().mean() == pytest.approx(0.2 / 3, abs=0.02)  # independent channels


def test_contrast_keeps_the_mean_of_each_view(batch: Batch) -> None:
    half = torch.tensor([100, 160]).repeat(12)[None, None, None, None]  # stripes; the right view is darker
    images = (half * torch.tensor([1.0, 0.6])[:, None, None, None]).byte().expand(8, 2, 3, 24, 24)
    changed = Photometric(**NO_CHANGE | {"contrast": 0.3})(batch.take([0] * 8)._replace(images=images), generator())
    assert (changed.images != images).any()
    means = [each.float().mean((2, 3, 4)) for each in (changed.images, images)]
    torch.testing.assert_close(*means, atol=0.6, rtol=0)


def test_blur_is_gaussian() -> None:
    images = torch.rand(2, 2, 3, 20, 24, generator=generator())
    sigma = torch.tensor([[0.5, 1.0], [0.0, 1.4]])
    out = blurred(images, sigma, 3.0)
    for at in np.ndindex(2, 2):
        expected = ndimage.gaussian_filter(images[at].numpy(), (0, *[float(sigma[at])] * 2), mode="nearest", radius=4)
        np.testing.assert_allclose(out[at], expected, atol=1e-5)


def natural(frames: int, size: tuple[int, int]) -> torch.Tensor:
    """Images uint8[frames, 2, 3, h, w] of soft spots, with some detail, in all colours."""
    random = np.random.default_rng(0)
    values = sum(
        each / each.std()
        for sigma in (1, 4)
        for each in [ndimage.gaussian_filter(random.normal(size=(frames, 2, 3, *size)), (0, 0, 0, sigma, sigma))]
    )
    return torch.from_numpy((128 + 35 * values).round().clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("size", [(64, 64), (45, 70)])
@pytest.mark.parametrize("quality", [20, 60, 95])
def test_compression_loses_what_a_jpeg_file_does(quality: int, size: tuple[int, int]) -> None:
    (frame,) = natural(1, size)
    written = []
    for view in frame:
        file = io.BytesIO()
        Image.fromarray(view.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
        written.append(torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1))
    expected = torch.stack(written).float()
    found = compressed(frame, torch.full((2,), float(quality))).float()
    lost = (expected - frame).abs().mean()
    assert lost > 1.5
    assert (found - expected).abs().mean() < 0.15 * lost + 0.5  # libjpeg rounds in more places


def test_some_frames_are_compressed_both_views_alike(batch: Batch) -> None:
    images = natural(200, (16, 16))
    images[:, 1] = images[:, 0]
    many = batch._replace(images=images, frame=torch.arange(200))
    changed = Jpeg(lowest=30, probability=0.25)(many, generator()).images
    assert (changed[:, 0] == changed[:, 1]).all()
    is_changed = (changed != images).flatten(1).any(1)
    assert 30 <= is_changed.sum() <= 70
    lost = (changed.float() - images.float()).abs().flatten(1).mean(1)[is_changed]
    assert lost.max() > 1.5 * lost.min()  # qualities differ
    assert (Jpeg(probability=0.0)(many, generator()).images == images).all()


def test_qualities_are_from_the_lowest_to_100(batch: Batch) -> None:
    images = natural(1, (48, 48)).expand(100, -1, -1, -1, -1)
    many = batch._replace(images=images, frame=torch.arange(100))
    lost = (Jpeg(lowest=30, probability=1.0)(many, generator()).images.float() - images).abs().flatten(1).mean(1)
    qualities = torch.tensor([30.0, 30.0, 100.0, 100.0])
    four = images[:2].flatten(0, 1)
    worst, best = (compressed(four, qualities).float() - four).abs().split(2)
    assert float(lost.max()) == pytest.approx(float(worst.mean()), rel=0.05)
    assert float(lost.min()) == pytest.approx(float(best.mean()), rel=0.3)


@pytest.mark.parametrize("lowest", [0, 101])
def test_a_quality_is_from_1_to_100(lowest: int) -> None:
    with pytest.raises(ValueError, match=f"lowest={lowest}: .* from 1 to 100"):
        Jpeg(lowest=lowest)

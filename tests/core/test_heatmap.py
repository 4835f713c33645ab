"""Rasterised heatmaps: each compared with SciPy and scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.draw import line_aa

from egotap_pl.core.heatmap import joint_heatmaps, limb_heatmaps, limb_lengths_px
from egotap_pl.core.skeleton import Skeleton, egocap, unrealego

PAIR = Skeleton("pair", ("root", "tip"), (0, 0), estimates_root=True)
JOINT_TOLERANCE = 1e-6
LIMB_TOLERANCE = 7e-6


def scipy_joint(point_px: np.ndarray, size: int) -> np.ndarray:
    """An impulse on a canvas with a margin of 4 px, blurred, cropped and scaled to a peak of 1."""
    x, y = point_px * size / 1024
    canvas = np.zeros((size + 8, size + 8))
    if -4 <= x < size + 4 and -4 <= y < size + 4:
        canvas[int(y) + 4, int(x) + 4] = 1.0
    peak = gaussian_filter(np.eye(1, 81, 40), sigma=(0, 1), truncate=4).max() ** 2
    return gaussian_filter(canvas, sigma=1, truncate=4, mode="constant")[4:-4, 4:-4] / peak


def skimage_limb(child_px: np.ndarray, parent_px: np.ndarray, size: int) -> np.ndarray:
    """An anti-aliased line, clipped to the heatmap, blurred and doubled."""
    (x0, y0), (x1, y1) = np.rint(parent_px * size / 1024).astype(int), np.rint(child_px * size / 1024).astype(int)
    rows, columns, values = line_aa(y0, x0, y1, x1)
    inside = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size)
    line = np.zeros((size, size))
    line[rows[inside], columns[inside]] = values[inside]
    return 2 * gaussian_filter(line, sigma=1, truncate=4, mode="constant")


def random_points(skeleton: Skeleton, spread_px: float, batch: int = 6, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 512 + spread_px * (2 * torch.rand(batch, 2, skeleton.num_joints, 2, generator=generator) - 1)


def pair_heatmap(root_px: tuple[float, float], tip_px: tuple[float, float], size: int = 64) -> torch.Tensor:
    """The line alone: the cosine of a limb perpendicular to the camera's axis is 1."""
    points = torch.tensor([[root_px, tip_px]]).expand(1, 2, 2, 2)
    heatmaps = limb_heatmaps(points, torch.tensor([[[0.0, 0.0, 5.0], [1.0, 0.0, 5.0]]]), PAIR, size)
    assert torch.equal(heatmaps[0, 0], heatmaps[0, 1])
    assert not heatmaps[0, 0, 0, 1].any()
    return heatmaps[0, 0, 0, 0]


@pytest.mark.parametrize("make", [unrealego, egocap])
@pytest.mark.parametrize("size", [64, 32, 16])
def test_joint_heatmaps_equal_scipy(make, size: int) -> None:
    skeleton = make()
    points = random_points(skeleton, spread_px=700.0)
    heatmaps = joint_heatmaps(points, skeleton, size)
    assert heatmaps.shape == (6, 2, skeleton.num_heatmap_joints, size, size)
    for b, v, j in np.ndindex(*heatmaps.shape[:3]):
        expected = scipy_joint(points[b, v, j + 1].double().numpy(), size)
        np.testing.assert_allclose(heatmaps[b, v, j].numpy(), expected, atol=JOINT_TOLERANCE, rtol=0)


def test_joint_heatmaps_equal_scipy_at_the_edges_of_the_frame() -> None:
    edges = [-80.0, -64.1, -64.0, -63.9, -16.0, -8.0, -0.1, 0.0, 8.0, 1007.9, 1023.9, 1024.0, 1087.9, 1088.0, 1200.0]
    for x in edges:
        for y in (*edges[::3], 500.0):
            points = torch.tensor([[0.0, 0.0], [x, y]]).expand(1, 2, 2, 2)
            actual = joint_heatmaps(points, PAIR, 64)[0, 1, 0].numpy()
            np.testing.assert_allclose(actual, scipy_joint(np.array([x, y]), 64), atol=JOINT_TOLERANCE, rtol=0)


def test_a_joint_peaks_at_one_in_its_own_pixel() -> None:
    heatmaps = joint_heatmaps(torch.tensor([[0.0, 0.0], [100.0, 900.0]]).expand(1, 2, 2, 2), PAIR, 64)[0, 0, 0]
    assert heatmaps.max() == 1.0
    assert divmod(int(heatmaps.argmax()), 64) == (900 // 16, 100 // 16)
    assert heatmaps[900 // 16, 100 // 16 + 5] == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30, -1e30])
def test_points_that_are_not_finite_or_far_away_leave_empty_heatmaps(bad: float) -> None:
    points = torch.full((1, 2, 2, 2), 512.0)
    points[:, 0, 1, 0] = bad
    cm = torch.tensor([[[0.0, 0.0, 5.0], [1.0, 0.0, 5.0]]])
    joints = joint_heatmaps(points, PAIR, 64)
    assert not joints[0, 0].any()
    assert joints[0, 1].max() == 1.0
    if not math.isfinite(bad):
        limbs = limb_heatmaps(points, cm, PAIR, 64)
        assert not limbs[0, 0].any()
        assert limbs[0, 1].any()
        assert limb_lengths_px(points, PAIR, 64).tolist() == [[[0.0], [0.0]]]


@pytest.mark.parametrize("make", [unrealego, egocap])
@pytest.mark.parametrize(("size", "spread_px"), [(64, 500.0), (64, 1500.0), (32, 600.0), (16, 600.0), (64, 60.0)])
def test_limb_heatmaps_equal_scikit_image(make, size: int, spread_px: float) -> None:
    skeleton = make()
    points = random_points(skeleton, spread_px)
    cm = torch.randn(6, skeleton.num_joints, 3, generator=torch.Generator().manual_seed(1)) * 30
    heatmaps = limb_heatmaps(points, cm, skeleton, size)
    assert heatmaps.shape == (6, 2, skeleton.num_heatmap_joints, 2, size, size)
    for b, v, h in np.ndindex(*heatmaps.shape[:3]):
        child, parent = skeleton.limbs[h]
        line = skimage_limb(points[b, v, child].numpy(), points[b, v, parent].numpy(), size)
        dx, dy, dz = (cm[b, parent] - cm[b, child]).tolist()
        theta = math.atan(dz / math.hypot(dx, dy))
        expected = np.stack((line * math.cos(theta), line * math.sin(theta)))
        np.testing.assert_allclose(heatmaps[b, v, h].numpy(), expected, atol=LIMB_TOLERANCE, rtol=0)


@pytest.mark.parametrize(
    ("root_px", "tip_px"),
    [
        ((512.0, 512.0), (512.0, 512.0)),  # no length
        ((512.0, 512.0), (515.0, 510.0)),  # no length after rounding
        ((0.0, 0.0), (0.0, 0.0)),  # in a corner
        ((512.0, 100.0), (512.0, 900.0)),  # vertical
        ((900.0, 300.0), (100.0, 300.0)),  # horizontal, backwards
        ((100.0, 100.0), (900.0, 900.0)),  # diagonal
        ((900.0, 100.0), (100.0, 900.0)),  # the other diagonal
        ((100.0, 500.0), (900.0, 530.0)),  # nearly horizontal
        ((512.0, 512.0), (520.0, 530.0)),  # a single step
        ((-300.0, 200.0), (512.0, 512.0)),  # one end outside
        ((512.0, 512.0), (700.0, 4000.0)),  # one end far outside
        ((-300.0, 200.0), (1500.0, 900.0)),  # both outside, crossing
        ((-300.0, 800.0), (300.0, 1400.0)),  # both outside, cutting a corner
        ((-300.0, 200.0), (-100.0, 900.0)),  # entirely outside, beside the heatmap
        ((-200.0, -300.0), (1300.0, -20.0)),  # entirely outside, above it
        ((-40.0, 100.0), (-40.0, 900.0)),  # outside by less than the blur's reach: zero padding, so nothing reaches in
        ((0.0, 100.0), (0.0, 900.0)),  # along the border
        ((8.0, 24.0), (40.0, 56.0)),  # halves: rounded to even
        ((-15000.0, -9000.0), (16000.0, 9900.0)),  # both very far
    ],
)
def test_degenerate_limbs_equal_scikit_image(root_px: tuple[float, float], tip_px: tuple[float, float]) -> None:
    expected = skimage_limb(np.array(tip_px), np.array(root_px), 64)
    np.testing.assert_allclose(pair_heatmap(root_px, tip_px).numpy(), expected, atol=LIMB_TOLERANCE, rtol=0)


def test_a_limb_is_the_same_when_its_ends_are_swapped() -> None:
    torch.testing.assert_close(
        pair_heatmap((100.0, 222.0), (750.0, 444.0)), pair_heatmap((750.0, 444.0), (100.0, 222.0))
    )


@pytest.mark.parametrize(
    ("child_cm", "cos", "sin"),
    [
        ((0.0, 0.0, 20.0), 1.0, 0.0),  # no length in space
        ((0.0, 0.0, 10.0), 0.0, 1.0),  # from the camera, the parent is straight behind the child
        ((0.0, 0.0, 30.0), 0.0, -1.0),
        ((3.0, 4.0, 20.0), 1.0, 0.0),
        ((3.0, -4.0, 15.0), math.sqrt(0.5), math.sqrt(0.5)),
    ],
)
def test_the_channels_are_cos_and_sin_of_parent_minus_child(
    child_cm: tuple[float, float, float], cos: float, sin: float
) -> None:
    points = torch.tensor([[200.0, 200.0], [700.0, 400.0]]).expand(1, 2, 2, 2)
    heatmaps = limb_heatmaps(points, torch.tensor([[[0.0, 0.0, 20.0], list(child_cm)]]), PAIR, 64)
    line = pair_heatmap((200.0, 200.0), (700.0, 400.0))
    for view in range(2):
        torch.testing.assert_close(heatmaps[0, view, 0, 0], cos * line)
        torch.testing.assert_close(heatmaps[0, view, 0, 1], sin * line)


def test_a_limb_with_an_end_that_is_not_finite_in_space_has_empty_heatmaps() -> None:
    points = torch.tensor([[200.0, 200.0], [700.0, 400.0]]).expand(1, 2, 2, 2)
    for bad in (math.nan, math.inf):
        assert not limb_heatmaps(points, torch.tensor([[[0.0, 0.0, 20.0], [0.0, bad, 1.0]]]), PAIR, 64).any()


def test_limb_lengths_are_in_heatmap_pixels() -> None:
    points = torch.tensor([[0.0, 0.0], [48.0, 64.0]]).expand(1, 2, 2, 2)
    assert limb_lengths_px(points, PAIR, 64).tolist() == [[[5.0], [5.0]]]
    assert limb_lengths_px(points, PAIR, 32).tolist() == [[[2.5], [2.5]]]


def test_heatmaps_of_a_frame_do_not_depend_on_its_batch() -> None:
    skeleton = unrealego()
    points, cm = random_points(skeleton, 600.0), torch.randn(6, skeleton.num_joints, 3)
    together = limb_heatmaps(points, cm, skeleton, 64)
    for b in range(6):
        torch.testing.assert_close(
            limb_heatmaps(points[b : b + 1], cm[b : b + 1], skeleton, 64)[0], together[b], atol=0, rtol=0
        )
    assert limb_heatmaps(points[:0], cm[:0], skeleton, 64).shape == (0, 2, 15, 2, 64, 64)


def test_autocast_does_not_make_targets_less_accurate() -> None:
    skeleton = unrealego()
    points, cm = random_points(skeleton, 600.0), torch.randn(6, skeleton.num_joints, 3)
    plain = joint_heatmaps(points, skeleton, 64), limb_heatmaps(points, cm, skeleton, 64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = joint_heatmaps(points, skeleton, 64), limb_heatmaps(points, cm, skeleton, 64)
    torch.testing.assert_close(cast, plain, atol=0, rtol=0)


def test_points_of_another_skeleton_are_refused() -> None:
    with pytest.raises(ValueError, match="18 joints"):
        joint_heatmaps(torch.zeros(1, 2, 16, 2), egocap(), 64)

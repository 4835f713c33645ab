"""What EgoPoseFormer's first pose, layers and origins do."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from random_checkpoints import randomise

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import Skeleton, egocap, unrealego
from egotap_pl.nn.image_encoder import EncoderHeatmaps, ImageEncoder
from egotap_pl.nn.image_lifters import (
    EgoPoseFormer,
    EstimatedOrigin,
    ImageLifter,
    TrueOrigin,
    input_names,
)
from egotap_pl.nn.image_lifters.egoposeformer import RefiningLayer
from egotap_pl.nn.lifter import Lifter

PX = 64
RIG = StereoRig.unrealego()
ORIGINS: dict[str, Any] = {"truth": TrueOrigin, "estimated": partial(EstimatedOrigin, hidden_dims=(16,))}
IN_VIEW = torch.tensor([-6.0, -22.0, 65.0])
close = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-4)


def make(skeleton: Skeleton, origin: str = "truth", **settings: Any) -> EgoPoseFormer:
    torch.manual_seed(0)
    encoder = partial(ImageEncoder, width=4)
    lifter = EgoPoseFormer(skeleton, PX // 4, 16, encoder, ORIGINS[origin], points=4, **settings)
    randomise(lifter)
    lifter.set_rig(RIG)
    return lifter.eval()


def inputs(frames: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    origin_cm = RIG.to_views(IN_VIEW.expand(frames, 1, 3))[:, :, 0]
    return torch.randn(frames, 2, 3, PX, PX), origin_cm


@pytest.mark.parametrize("make_skeleton", [unrealego, egocap])
@pytest.mark.parametrize("origin", ORIGINS)
def test_it_gives_a_first_pose_and_one_for_each_layer(make_skeleton, origin: str) -> None:
    skeleton = make_skeleton()
    lifter, (images, origin_cm) = make(skeleton, origin), inputs()
    # EgoCap's poses are relative to the camera: the origin is zero, and never asked for.
    needs_truth = origin == "truth" and skeleton == unrealego()
    assert input_names(lifter) == (("images", "origin_cm") if needs_truth else ("images",))
    given = (images, origin_cm) if needs_truth else (images,)
    output = lifter.estimate(*given)
    assert [pose.shape for pose in output.poses_cm] == [(2, len(skeleton.estimated), 3)] * 4
    close(lifter(*given), output.poses_cm[-1])
    if skeleton == egocap():
        assert (output.origin_cm == 0).all()
        assert not list(lifter.origin.parameters())
    elif origin == "truth":
        close(output.origin_cm, origin_cm[:, 0])


def test_views_exchange_nothing_before_they_are_joined() -> None:
    encoder = ImageEncoder(6, width=4).eval()
    images = torch.randn(2, 2, 3, PX, PX)
    changed = images.clone()
    changed[:, 1] += 1
    close(encoder(changed)[:, 0], encoder(images)[:, 0])
    close(encoder(images.flip(1)), encoder(images).flip(1))
    assert encoder(images).shape == (2, 2, 6, PX // 4, PX // 4)
    maps = EncoderHeatmaps(unrealego(), partial(ImageEncoder, width=4), 12)(images)
    assert maps.shape == (2, 2, 15, PX // 4, PX // 4)
    assert (maps == maps[:, :, :, :1, :1]).all()  # before training, the same everywhere


def test_no_gradient_of_a_layer_reaches_the_first_pose_or_the_origin() -> None:
    lifter, (images, _) = make(unrealego(), "estimated"), inputs()
    *_, last = lifter.estimate(images).poses_cm
    last.square().sum().backward()
    reached = {name.partition(".")[0] for name, p in lifter.named_parameters() if p.grad is not None and p.grad.any()}
    assert reached == {"encoder", "to_features", "to_query", "layers", "to_offset"}


def test_a_view_answers_nothing_for_a_joint_that_it_does_not_see() -> None:
    torch.manual_seed(0)
    layer = RefiningLayer(8, 4, 3)
    query, features, places = torch.randn(1, 3, 8), torch.randn(1, 2, 8, 4, 4), torch.rand(1, 2, 3, 2)
    in_view = torch.tensor([[[True, False, True], [True, False, False]]])
    without = layer.read_norm(query + layer.join_views(torch.zeros(1, 3, 16)))
    read = []
    hook = layer.attend.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    layer(query, features, places, in_view)
    changed = features.clone()
    changed[:, 1] += 1
    layer(query, changed, places, in_view)
    hook.remove()
    close(read[0][:, 1], without[:, 1])  # no view sees the second joint
    close(read[0][:, 2], read[1][:, 2])  # the right view does not see the third
    assert (read[0][:, 0] - read[1][:, 0]).abs().max() > 1e-3


def test_points_of_a_rotated_rig_are_projected_as_by_the_rig() -> None:
    lifter = make(unrealego())
    rig = StereoRig("turned", RIG.cameras, ((0.8, 0.0, 0.6), (0.0, 1.0, 0.0), (-0.6, 0.0, 0.8)), (12.0, 1.0, -3.0))
    lifter.set_rig(rig)
    points_cm = torch.randn(2, 5, 3) * 15 + IN_VIEW
    expected_px, expected_inside = rig.project(points_cm)
    places, in_circle, _ = lifter.project(points_cm)
    close(places * 1024, expected_px, atol=0.01)
    assert torch.equal(in_circle, expected_inside)


def test_mixed_precision_does_not_round_where_joints_project() -> None:
    lifter, (images, origin_cm) = make(unrealego()), inputs()
    points_cm = torch.randn(2, 5, 3) * 15 + IN_VIEW
    exact, expected = lifter.project(points_cm)[0], lifter(images, origin_cm)
    read: list[torch.Tensor] = []
    lifter.layers[0].register_forward_pre_hook(lambda _, given: read.append(given[2]))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(lifter.project(points_cm)[0], exact)
        found = lifter.estimate(images, origin_cm)
    close(read[0], lifter.project(found.poses_cm[0].float() + origin_cm[:, :1])[0])
    assert (found.poses_cm[-1] - expected).abs().max() < 0.1 * expected.abs().max()


def corner_cm() -> torch.Tensor:
    """A point whose pixel is in the frame, but outside the image circle."""
    ray, inside = RIG.cameras[0].unproject(torch.tensor([900.0, 900.0]))
    assert not inside
    return 30 * ray


@pytest.mark.parametrize("corners_in_view", [True, False])
def test_the_frames_corners_count_as_seen_if_asked_for(corners_in_view: bool) -> None:
    lifter = make(unrealego(), corners_in_view=corners_in_view)
    points = torch.stack((torch.tensor([0.0, 0.0, 40.0]), corner_cm(), torch.tensor([0.0, 0.0, -40.0])))
    places, in_view = lifter._project(points[None], torch.zeros(1, 3))
    assert in_view[0, 0].tolist() == [True, corners_in_view, False]
    close(places[0, 0, :2] * 1024, torch.tensor([[511.1183, 510.8730], [900.0, 900.0]]), atol=0.1)


def test_a_frame_whose_origin_is_not_known_is_seen_by_no_view() -> None:
    lifter, (images, origin_cm) = make(unrealego()), inputs()
    origin_cm[1] = torch.nan
    poses = lifter.estimate(images, origin_cm).poses_cm
    assert all(bool(pose.isfinite().all()) for pose in poses)
    torch.stack(poses).sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in lifter.parameters() if p.grad is not None)


@pytest.mark.parametrize("reprojects", [False, True])
def test_layers_read_where_the_first_pose_or_the_last_one_projects(reprojects: bool) -> None:
    lifter, (images, origin_cm) = make(unrealego(), reprojects=reprojects), inputs()
    read: list[torch.Tensor] = []
    for layer in lifter.layers:
        layer.register_forward_pre_hook(lambda _, given: read.append(given[2]))
    poses = lifter.estimate(images, origin_cm).poses_cm
    for k, places in enumerate(read):
        pose_cm = poses[k if reprojects else 0]
        px = RIG.project(pose_cm + origin_cm[:, :1])[0]
        close(places, px / 1024)


def test_estimates_start_from_the_mean_pose_and_origin_in_the_given_unit() -> None:
    one, twenty = make(unrealego(), "estimated"), make(unrealego(), "estimated", pose_unit_cm=20.0)
    images, _ = inputs()
    mean_pose_cm = torch.randn(16, 3)
    twenty.set_mean_pose(mean_pose_cm)
    twenty.set_mean_origin(IN_VIEW)
    small, large = one.estimate(images), twenty.estimate(images)
    close(large.poses_cm[0], mean_pose_cm + 20 * small.poses_cm[0])
    close(large.origin_cm, IN_VIEW + 20 * small.origin_cm)


def test_the_size_is_the_releases() -> None:
    with torch.device("meta"):
        lifter = EgoPoseFormer(unrealego(), 64, 256, ImageEncoder, TrueOrigin)
    assert sum(p.numel() for p in lifter.parameters()) / 1e6 == pytest.approx(14.2, abs=0.05)


def test_mistakes_are_named() -> None:
    lifter, given = make(unrealego()), inputs()
    with pytest.raises(ValueError, match="must be 64 px"):
        lifter(torch.zeros(1, 2, 3, 128, 128), given[1][:1])
    lifter.set_rig(None)
    with pytest.raises(ValueError, match=r"EgoPoseFormer .* needs the cameras"):
        lifter(*given)
    with pytest.raises(ValueError, match="joint_dim=15"):
        EgoPoseFormer(unrealego(), 16, 15, ImageEncoder, TrueOrigin)


def test_a_lifter_says_what_it_reads() -> None:
    class Confused(ImageLifter):
        input_names = ("images", "depth")

    assert input_names(ImageLifter(unrealego())) == ("images",)
    assert (
        input_names(torch.nn.Identity()) == input_names(Lifter.__new__(Lifter)) == ("joint_heatmaps", "limb_heatmaps")
    )
    with pytest.raises(ValueError, match=r"Confused.input_names: depth must be one of: joint_heatmaps"):
        input_names(Confused(unrealego()))

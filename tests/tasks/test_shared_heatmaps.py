"""One estimator of joints and limbs: its targets, its losses, and the heatmaps that a lifter reads."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from composed import SKELETONS, compose, facts, make_batch

from egotap_pl.core.batch import Batch
from egotap_pl.core.heatmap import joint_heatmaps, limb_heatmaps
from egotap_pl.core.skeleton import unrealego
from egotap_pl.engine.build import build
from egotap_pl.nn.images import normalise_images
from egotap_pl.nn.lean_estimator import LeanEstimator, joint_maps, limb_maps
from egotap_pl.tasks.heatmap_sources import SharedHeatmaps
from egotap_pl.tasks.targets import JointAndLimbTarget, JointTarget, LimbTarget, left_view_cm

SKELETON, PX = unrealego(), 16
close = torch.testing.assert_close


@pytest.fixture
def batch() -> Batch:
    """Two frames; in the first, the left hand is unknown."""
    torch.manual_seed(0)
    batch = make_batch("egosynth", 4 * PX)
    hand = SKELETON.joints.index("hand_l")
    batch.pose_cm[0, hand] = torch.nan
    batch.points2d_px[0, :, hand] = torch.nan
    return batch


def test_targets_are_those_of_the_two_estimators(batch: Batch) -> None:
    truth = JointAndLimbTarget(1.0, 1.0).draw(batch, SKELETON, PX)
    assert torch.equal(joint_maps(truth), joint_heatmaps(batch.points2d_px, SKELETON, PX))
    assert torch.equal(limb_maps(truth), limb_heatmaps(batch.points2d_px, left_view_cm(batch), SKELETON, PX))


def test_the_loss_is_the_weighted_sum_of_theirs(batch: Batch) -> None:
    target = JointAndLimbTarget(joint_weight=2.0, limb_weight=5.0)
    truth = target.draw(batch, SKELETON, PX)
    estimate = torch.rand_like(truth)
    joint = JointTarget().loss(joint_maps(estimate), joint_maps(truth), batch, SKELETON)
    limb = LimbTarget().loss(limb_maps(estimate), limb_maps(truth), batch, SKELETON)
    close(target.loss(estimate, truth, batch, SKELETON), 2 * joint + 5 * limb)


def test_heatmaps_that_are_not_known_do_not_count(batch: Batch) -> None:
    target = JointAndLimbTarget(1.0, 4.0)
    hand, n = SKELETON.joints.index("hand_l") - 1, SKELETON.num_heatmap_joints
    batch.pose_cm[1, 1 + hand] = torch.nan  # in the second frame, views show it
    truth, known = target.draw(batch, SKELETON, PX), target.known(batch, SKELETON)
    first, second = ((~frame[0]).nonzero().flatten().tolist() for frame in known)
    assert first == [hand, n + hand, 2 * n + hand]  # a hand has no child
    assert second == [n + hand, 2 * n + hand]
    estimate = torch.rand_like(truth)
    other = torch.where(known[..., None, None], estimate, 9.0)
    close(target.loss(other, truth, batch, SKELETON), target.loss(estimate, truth, batch, SKELETON))


@pytest.mark.parametrize("data", SKELETONS)
def test_a_lifter_reads_what_the_estimator_gives(data: str) -> None:
    skeleton, batch = SKELETONS[data], make_batch(data, 4 * PX)
    source: Any = SharedHeatmaps(skeleton, PX, partial(LeanEstimator, width=4, channels=8)).train()
    torch.nn.init.normal_(source.shared.module.to_maps.weight)
    heatmaps, n = source(batch), skeleton.num_heatmap_joints
    maps = source.shared.module(normalise_images(batch.images))
    assert not heatmaps.joint.requires_grad
    close(heatmaps.joint, maps[:, :, :n])
    close(heatmaps.limb[:, :, :, 0], maps[:, :, n : 2 * n])
    close(heatmaps.limb[:, :, :, 1], maps[:, :, 2 * n :])


def test_losses_of_empty_heatmaps_are_of_similar_size() -> None:
    """The weights of the configuration, at the paper's sizes: neither kind of heatmaps crowds out the other."""
    task = compose("estimator=lean", "scale=paper")["estimators"]["shared"]["task"]
    target: JointAndLimbTarget = build(task["target"])
    batch, skeleton = make_batch("egosynth", 64), SKELETONS["egosynth"]
    batch = batch._replace(points2d_px=256 + 512 * torch.rand_like(batch.points2d_px))  # all limbs are in view
    truth = target.draw(batch, skeleton, 64)
    empty = torch.zeros_like(truth)
    joint, limb = (
        JointAndLimbTarget(*weights).loss(empty, truth, batch, skeleton)
        for weights in ((target.joint_weight, 0.0), (0.0, target.limb_weight))
    )
    assert 1 / 2 < joint / limb < 2


def test_the_task_trains_with_both_losses() -> None:
    settings = compose("estimator=lean", "scale=smoke")
    assert settings["heatmaps"]["estimators"] == ["shared"]
    task = build(settings["estimators"]["shared"]["task"])(facts("egosynth"))
    task.log_dict = lambda *_, **__: None
    task.training_step(make_batch("egosynth", settings["scale"]["image_px"]), 0)["loss"].backward()
    views, kinds = 2, 3  # joints, cosines and sines
    assert (task.estimator.to_maps.bias.grad.view(views, kinds, -1) != 0).any(2).all()

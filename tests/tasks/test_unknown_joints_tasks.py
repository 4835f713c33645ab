"""Training and testing on frames in which some joints are not known."""

from __future__ import annotations

import math
from typing import Any

import hydra
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra

from egotap_pl.cli.configuration.composing import conf_dir, plain
from egotap_pl.core.batch import Batch, DataFacts, Visibility
from egotap_pl.core.heatmap import joint_heatmaps, limb_heatmaps
from egotap_pl.core.known import known_limbs, known_points
from egotap_pl.core.masks import arms_and_legs, known_masks
from egotap_pl.core.skeleton import unrealego
from egotap_pl.engine.build import build
from egotap_pl.tasks import HeatmapTask, LiftingTask
from egotap_pl.tasks.targets import LimbTarget

SKELETON = unrealego()
HAND = SKELETON.joints.index("hand_l")
ELBOW = SKELETON.parents[HAND]


def settings_of(preset: str) -> dict[str, Any]:
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return plain(hydra.compose("train", [f"experiment={preset}", "scale=smoke"]))


def batch_of(image_px: int, device: str = "cpu") -> Batch:
    """Four frames; in the first, a hand is unknown, and in the second an elbow's point in the left view."""
    torch.manual_seed(0)
    joints = SKELETON.num_joints
    batch = Batch(
        images=torch.randint(0, 256, (4, 2, 3, image_px, image_px), dtype=torch.uint8),
        points2d_px=torch.rand(4, 2, joints, 2) * 1024,
        pose_cm=torch.randn(4, joints, 3) * 30,
        origin_cm=torch.tensor([0.0, 0.0, 60.0]).expand(4, 2, 3).contiguous(),
        visibility=torch.ones(4, 2, joints, dtype=torch.uint8),
        category=torch.zeros(4, dtype=torch.int64),
        frame=torch.arange(4),
    )
    batch.pose_cm[0, HAND] = torch.nan
    batch.points2d_px[0, :, HAND] = torch.nan
    batch.points2d_px[1, 0, ELBOW] = torch.nan
    return batch.on(torch.device(device))


def unlogged(task: Any) -> Any:
    task.log_dict = task.log = lambda *_, **__: None
    return task


def facts() -> DataFacts:
    return DataFacts(SKELETON, ("walking",), torch.zeros(len(SKELETON.estimated), 3))


def test_what_is_known_of_heatmaps_and_masks() -> None:
    batch = batch_of(64)
    batch.visibility[0, :, HAND] = Visibility.OCCLUDED  # somewhere behind something
    points = known_points(batch)
    assert (~points).nonzero().tolist() == [[0, 0, HAND], [0, 1, HAND], [1, 0, ELBOW]]
    limbs = [k for k, ends in enumerate(SKELETON.limbs) if HAND in ends]
    elbow_limbs = [k for k, ends in enumerate(SKELETON.limbs) if ELBOW in ends]
    expected = sorted([[0, view, k] for view in range(2) for k in limbs] + [[1, 0, k] for k in elbow_limbs])
    assert (~known_limbs(batch, SKELETON)).nonzero().tolist() == expected
    arm = next(m for m, chain in enumerate(arms_and_legs(SKELETON)) if HAND in chain)
    assert (~known_masks(points, SKELETON)).nonzero().tolist() == [[0, 0, arm], [0, 1, arm], [1, 0, arm]]
    assert (joint_heatmaps(batch.points2d_px, SKELETON, 16)[~points[:, :, 1:]] == 0).all()
    maps = limb_heatmaps(batch.points2d_px, batch.pose_cm + batch.origin_cm[:, :1], SKELETON, 16)
    assert (maps[~known_limbs(batch, SKELETON)] == 0).all()
    # A view that is known not to show a joint is known to have no heatmap of it.
    batch.visibility[1, 0, ELBOW] = Visibility.OUT_OF_VIEW
    assert known_points(batch)[1].all()
    assert known_limbs(batch, SKELETON)[1].all()


def test_limbs_are_drawn_without_an_origin() -> None:
    """A batch of one's own may lack it; limbs do not depend on it."""
    batch = batch_of(16)
    without = batch._replace(origin_cm=torch.full_like(batch.origin_cm, torch.nan))
    expected = LimbTarget().draw(batch, SKELETON, 16)
    torch.testing.assert_close(LimbTarget().draw(without, SKELETON, 16), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("preset", ["table1/unrealego", "table1/ego3dpose", "table1/egoglass", "table2/grid_vit_pu"])
def test_a_step_on_partly_known_frames_is_finite(preset: str, device: str) -> None:
    settings = settings_of(preset)
    batch = batch_of(settings["scale"]["image_px"], device)
    specs = [settings["training"]["task"]]
    specs += [settings["estimators"][kind]["task"] for kind in settings["heatmaps"]["estimators"]]
    for spec in specs:
        task = unlogged(build(spec)(facts())).to(device).train()
        outcome = task.training_step(batch, 0)
        loss = outcome["loss"] if isinstance(outcome, dict) else outcome
        loss.backward()
        if device == "cpu":
            assert loss.isfinite()
            assert all(p.grad.isfinite().all() for p in task.parameters() if p.grad is not None)


@pytest.mark.parametrize("kind", ["joint", "limb"])
def test_an_estimator_learns_nothing_from_unknown_heatmaps(kind: str) -> None:
    settings = settings_of("table1/egotap")
    task: HeatmapTask = unlogged(build(settings["estimators"][kind]["task"])(facts()))
    batch = batch_of(settings["scale"]["image_px"])
    truth = task.target.draw(batch, SKELETON, 16)
    known = task.target.known(batch, SKELETON)
    estimate = torch.rand_like(truth).requires_grad_()
    task.target.loss(estimate, truth, batch, SKELETON).backward()
    assert estimate.grad is not None
    changed = estimate.grad.flatten(3).abs().sum(-1) > 0
    assert torch.equal(changed, known)
    task.eval().validation_step(batch, 0)
    assert math.isfinite(task.validation_error.compute()["mse"])


def test_a_test_gives_the_errors_of_known_joints() -> None:
    settings = settings_of("table2/cnn")
    task: LiftingTask = unlogged(build(settings["training"]["task"])(facts())).eval()
    batch = batch_of(settings["scale"]["image_px"])
    outputs = task.test_step(batch, 0)
    results = task.test_results()
    error_mm = 10 * (outputs["pose_cm"].double() - outputs["truth_cm"].double()).norm(dim=-1)
    assert outputs["truth_cm"][0, HAND].isnan().all()
    assert results["mpjpe"] == pytest.approx(error_mm.nanmean(-1).mean().item())
    assert results["per_joint"]["hand_l"] == pytest.approx(error_mm[1:, HAND].mean().item())
    assert math.isfinite(results["mean_pose_mpjpe"])


def test_a_validation_without_alignable_frames_logs_the_mpjpe_alone() -> None:
    settings = settings_of("table2/cnn")
    task: LiftingTask = build(settings["training"]["task"])(facts()).eval()
    logged: dict[str, float] = {}
    unlogged(task).log_dict = logged.update
    batch = batch_of(settings["scale"]["image_px"])
    batch.pose_cm[:, 2:] = torch.nan
    task.validation_step(batch, 0)
    task.on_validation_epoch_end()
    assert list(logged) == ["validation/mpjpe"]

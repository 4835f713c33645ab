"""What the tasks of the baselines train, and what they leave unchanged."""

from __future__ import annotations

import sys

import hydra
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra

from egotap_pl.cli.configuration.composing import conf_dir, plain
from egotap_pl.core.batch import Batch, DataFacts
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.heatmap import joint_heatmaps
from egotap_pl.core.masks import limb_masks
from egotap_pl.core.skeleton import Skeleton, unrealego
from egotap_pl.engine.build import build
from egotap_pl.losses import LossTermsError, WeightedSum
from egotap_pl.tasks import EgoGlassTask, LiftingTask
from egotap_pl.tasks.d_adaptation import d_adapted_sgd

SKELETON = unrealego()
PRESETS = {
    "unrealego": {"reconstruction"},
    "ego3dpose": {"reconstruction", "limb_reconstruction", "limb_direction"},
    "egoglass": {"reconstruction", "heatmap", "mask"},
}
close = torch.testing.assert_close


def settings_of(*overrides: str) -> dict:
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return plain(hydra.compose("train", ["data=egosynth", "scale=smoke", *overrides]))


def facts(skeleton: Skeleton = SKELETON) -> DataFacts:
    return DataFacts(skeleton, ("walking",), torch.randn(len(skeleton.estimated), 3) * 30)


def make_task(preset: str, *overrides: str) -> LiftingTask:
    torch.manual_seed(0)
    return build(settings_of(f"experiment=table1/{preset}", *overrides)["training"]["task"])(facts())


def make_batch(frames: int = 4, image_px: int = 64) -> Batch:
    torch.manual_seed(1)
    joints = SKELETON.num_joints
    return Batch(
        images=torch.randint(0, 256, (frames, 2, 3, image_px, image_px), dtype=torch.uint8),
        points2d_px=torch.rand(frames, 2, joints, 2) * 1024,
        pose_cm=torch.randn(frames, joints, 3) * 30,
        origin_cm=torch.zeros(frames, 2, 3),
        visibility=torch.ones(frames, 2, joints, dtype=torch.uint8),
        category=torch.zeros(frames, dtype=torch.int64),
        frame=torch.arange(frames),
    )


def wake(task: LiftingTask) -> None:
    """Randomises zero parameters: last layers that start at zero pass no gradients and give no heatmaps."""
    with torch.no_grad():
        for parameter in task.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)


@pytest.mark.parametrize(("preset", "own_terms"), PRESETS.items())
def test_the_loss_reaches_everything_that_is_not_frozen(preset: str, own_terms: set[str]) -> None:
    task = make_task(preset).train()
    wake(task)
    terms = task.loss_terms(make_batch())
    assert terms.keys() == {"mpjpe", "bone_cosine"} | own_terms
    loss, _ = task.loss(terms)
    loss.backward()
    trained = {name for name, p in task.named_parameters() if p.requires_grad}
    reached = {name for name, p in task.named_parameters() if p.grad is not None and p.grad.any()}
    # A bias right before normalisation has no effect, so its gradient is rounding or nothing at all.
    unreached = {name for name in trained - reached if not name.endswith(".bias")}
    assert not unreached
    assert all(p.grad is not None for name, p in task.named_parameters() if name in trained)
    frozen = {name for name, _ in task.named_parameters()} - trained
    assert frozen == ({n for n, _ in task.named_parameters() if n.startswith("heatmaps.")} - trained)
    assert bool(frozen) == (preset != "egoglass")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_lifter_gives_the_pose_that_its_training_scores(preset: str) -> None:
    task, batch = make_task(preset).eval(), make_batch()
    pose_cm = task.lifter.estimate(*task.maps(batch)).pose_cm
    close(pose_cm, task(batch))


def test_ego3dpose_terms_by_hand() -> None:
    task, batch = make_task("ego3dpose").eval(), make_batch()
    wake(task)
    terms, maps = task.loss_terms(batch), task.maps(batch)
    output = task.lifter.estimate(*maps)
    close(terms["reconstruction"], (output.joint - maps.joint).square().mean())
    by_limb, directions = [], []
    for row, (child, parent) in enumerate((c, p) for c, p in SKELETON.limbs if p != 0):
        for view in range(2):
            ends = batch.points2d_px[:, view, [child, parent]] * 16 / 1024
            root = (1 + (ends[:, 0] - ends[:, 1]).norm(dim=-1)).sqrt()[:, None, None, None]
            difference = output.limb[:, view, row] / root - maps.limb[:, view, child - 1] / root
            by_limb.append(difference.square().mean())
        limb_cm = batch.pose_cm[:, child] - batch.pose_cm[:, parent]
        direction = limb_cm / limb_cm.norm(dim=-1, keepdim=True)
        directions.append((output.directions[:, row] - direction).square().mean())
    assert len(directions) == 14  # as many limbs as in the release
    close(terms["limb_reconstruction"], torch.stack(by_limb).mean())
    close(terms["limb_direction"], torch.stack(directions).mean())


def test_egoglass_terms_by_hand() -> None:
    task, batch = make_task("egoglass").eval(), make_batch()
    assert isinstance(task, EgoGlassTask)
    wake(task)
    terms, estimated = task.loss_terms(batch), task.heatmaps.estimate(batch)
    points = batch.points2d_px
    close(terms["heatmap"], (estimated.joint - joint_heatmaps(points, SKELETON, 16)).square().mean())
    # 30 px of 256 (release) are 7.5 px of 64.
    close(terms["mask"], (estimated.masks - limb_masks(points, SKELETON, 64, 30.0 * 4)).square().mean())
    rebuilt = task.lifter.estimate(*task.maps(batch)).joint
    close(terms["reconstruction"], (rebuilt - estimated.joint).square().mean())


def test_egoglass_estimators_learn_from_the_pose_but_not_as_targets_of_the_reconstruction() -> None:
    task, batch = make_task("egoglass").train(), make_batch()
    wake(task)
    terms = task.loss_terms(batch)
    weights = task.heatmaps.estimator.views[0].to_maps.weight
    (from_pose,) = torch.autograd.grad(terms["mpjpe"], weights, retain_graph=True)
    assert from_pose.any()
    # The reconstruction loss moves the rebuilt heatmaps towards the estimated ones, never the reverse: gradients reach
    # the estimator through the encoder only. With the encoder's first layer at zero there are none.
    task.lifter.encoder.convs[0][0].weight.data.zero_()
    (from_rebuilding,) = torch.autograd.grad(task.loss_terms(batch)["reconstruction"], weights)
    assert not from_rebuilding.any()


def test_doubt_leaves_egoglass_batch_norms_as_they_are() -> None:
    """They see each batch once, and doubt is a head of its own."""
    states = []
    for doubt in ("none", "laplace"):
        task = make_task("egoglass", f"doubt={doubt}").train()
        task.log = lambda *_, **__: None  # type: ignore[method-assign]
        task.training_step(make_batch(), 0)
        states.append(task.heatmaps.state_dict())
    close(*states, rtol=0, atol=0)


def test_egoglass_needs_no_estimator_stage_and_starts_from_pretrained_backbones() -> None:
    settings = settings_of("experiment=table1/egoglass")
    assert settings["heatmaps"]["estimators"] == []
    initialised: list[torch.nn.Module] = []
    task = build(settings["training"]["task"])(facts())
    task._initialise = initialised.append
    task.initialise()
    assert initialised == [view.backbone for view in task.heatmaps.estimator.views]


def test_a_missing_mask_width_is_reported() -> None:
    settings = settings_of("experiment=table1/egoglass")
    other = Skeleton("other", SKELETON.joints, SKELETON.parents, SKELETON.estimates_root)
    with pytest.raises(EgotapError, match=r"mask_width_px\.other"):
        build(settings["training"]["task"])(facts(other))


def test_a_term_without_a_weight_is_an_error() -> None:
    task = make_task("unrealego")
    task.loss = WeightedSum({"mpjpe": 0.1, "bone_cosine": 0.001})
    with pytest.raises(LossTermsError, match="reconstruction"):
        task.training_step(make_batch(), 0)


def test_d_adaptation_finds_a_rate_for_badly_scaled_problems() -> None:
    """|x - x*| scaled by 1e-3 and 1e3: plain gradient descent would need rates a million times apart."""
    pytest.importorskip("dadaptation")
    for scale in (1e-3, 1e3):
        x = torch.nn.Parameter(torch.zeros(5))
        target = torch.linspace(1, 5, 5)
        optimizer = d_adapted_sgd([x], growth_rate=1.1)
        start = (x - target).norm().item()
        for _ in range(600):
            optimizer.zero_grad()
            (scale * (x - target).norm()).backward()
            optimizer.step()
        assert (x - target).norm().item() < 0.2 * start


def test_d_adaptation_without_its_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dadaptation", None)
    with pytest.raises(EgotapError, match=r"dadaptation.*pip install 'egotap-pl\[baselines\]'"):
        d_adapted_sgd([torch.nn.Parameter(torch.zeros(1))], growth_rate=1.02)

"""What the task of lifters with several poses trains, and how image lifters get what they read."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from composed import compose, facts, make_batch
from random_checkpoints import randomise

from egotap_pl.core.batch import Batch, Heatmaps
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.engine.build import build
from egotap_pl.nn.image_lifters import ImageLifter
from egotap_pl.nn.images import normalise_images
from egotap_pl.tasks import LiftingTask, RefiningTask
from egotap_pl.tasks.heatmap_sources import NoHeatmaps, TrueHeatmaps
from egotap_pl.tasks.schedules import warmup_cosine

close = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-4)


def settings_of(*overrides: str) -> dict[str, Any]:
    return compose("experiment=beyond/egoposeformer", "data=egosynth", "scale=smoke", *overrides)


def make_task(*overrides: str, **changes: Any) -> RefiningTask:
    torch.manual_seed(0)
    spec = settings_of(*overrides)["training"]["task"] | changes
    task: RefiningTask = build(spec)(facts("egosynth")._replace(mean_origin_cm=torch.tensor([-6.0, -22.0, 65.0])))
    randomise(task)
    return task


@pytest.fixture
def batch() -> Batch:
    torch.manual_seed(1)
    return make_batch("egosynth", 64)


@pytest.mark.parametrize(("origin", "depth"), [("truth", 3), ("estimated", 3), ("estimated", 0)])
def test_loss_terms_by_hand(origin: str, depth: int, batch: Batch) -> None:
    task = make_task(f"lifter/origin={origin}", f"lifter.depth={depth}").eval()
    output = task.lifter.estimate(normalise_images(batch.images), batch.origin_cm)
    distances = [(pose_cm - batch.pose_cm).square().sum(-1).sqrt().mean() for pose_cm in output.poses_cm]
    loss, terms = task.loss(task.loss_terms(batch))
    assert len(distances) == depth + 1
    close(terms["mpjpe"], distances[-1].detach())
    close(terms["earlier"], sum(distances[:-1], torch.zeros(())).detach())
    away = (output.origin_cm - batch.origin_cm[:, 0]).square().sum(-1).sqrt().mean()
    close(terms["origin"], away.detach())
    assert (away == 0) == (origin == "truth")
    close(loss, 0.1 * sum(distances) + 0.1 * away)  # release: 0.1 for each pose, no other term


@pytest.mark.parametrize("origin", ["truth", "estimated"])
def test_the_loss_reaches_every_weight(origin: str, batch: Batch) -> None:
    task = make_task(f"lifter/origin={origin}").train()
    task.loss(task.loss_terms(batch))[0].backward()
    unreached = {name for name, p in task.named_parameters() if p.grad is None or not p.grad.any()}
    # A bias that is the same for all keys does not change what is attended to; those before normalisation none, either.
    assert not {name for name in unreached if not name.endswith("bias")}


def test_the_test_reports_how_far_off_the_origin_is(batch: Batch) -> None:
    task = make_task("lifter/origin=estimated").eval()
    unknown = batch._replace(origin_cm=batch.origin_cm.clone())
    unknown.origin_cm[1] = torch.nan
    with torch.inference_mode():
        found = task.test_step(unknown, 0)
        away_cm = (task.estimate(batch).origin_cm[0] - batch.origin_cm[0, 0]).norm()
        close(found["pose_cm"], task(batch))
    assert task.test_results()["origin_error"] == pytest.approx(10 * float(away_cm), rel=1e-4)


def test_estimates_start_from_the_mean_pose_and_origin() -> None:
    task = make_task("lifter/origin=estimated")
    assert task.lifter.origin.mean_cm.tolist() == [-6.0, -22.0, 65.0]
    as_released = make_task("lifter/origin=estimated", start_from_mean_pose=False)
    assert not as_released.lifter.origin.mean_cm.any()


def test_pretrained_weights_are_loaded_into_the_backbone() -> None:
    loaded: list[torch.nn.Module] = []
    task = make_task()
    task._initialise = loaded.append
    task.initialise()
    assert loaded == [task.lifter.encoder.backbone]
    settings = settings_of()
    pretraining = build(settings["pretraining"]["task"])(facts("egosynth"))
    ((module, prefix),) = settings["pretraining"]["parts"].items()
    pretrained = pretraining.get_submodule(prefix).state_dict()
    task.get_submodule(module).load_state_dict(pretrained)  # the same network, weight by weight
    assert not prefix.endswith("to_maps")


@pytest.mark.parametrize("scale", ["paper", "tiny", "smoke"])
@pytest.mark.parametrize("data", ["egosynth", "egocap"])
def test_every_protocol_has_a_training_of_both_stages(scale: str, data: str) -> None:
    root = ["data.root=x"] if data == "egocap" else []
    settings = compose("experiment=beyond/egoposeformer", f"data={data}", f"scale={scale}", *root)
    width = {"paper": 128, "tiny": 32, "smoke": 8}[scale]
    with torch.device("meta"):
        for part in ("pretraining", "training"):
            task = build(settings[part]["task"])(facts("egosynth"))
            optimizer = task._optimizer(list(task.parameters()))
            assert task._schedule(optimizer, 100, 10).get_last_lr()[0] > 0
    assert task.lifter.encoder.out_dim == width
    assert settings["pretraining"]["epochs"] == {"paper": 12, "tiny": 5 if data == "egocap" else 4, "smoke": 1}.get(
        scale if data == "egosynth" or scale != "smoke" else "paper"
    )


class FromImages(ImageLifter):
    """A user's own: reads joint heatmaps and images, and projects a point."""

    input_names = ("joint_heatmaps", "images")

    def __init__(self, skeleton: Skeleton, heatmap_px: int) -> None:
        super().__init__(skeleton)
        self.head = torch.nn.Linear(2, 3 * len(skeleton.estimated))
        self.read: tuple[torch.Tensor, ...] = ()

    def forward(self, joint_heatmaps: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        self.read = (joint_heatmaps, images)
        places, _, _ = self.project(torch.tensor([[[0.0, 0.0, 40.0]]]))
        return self.head(places[:, 0, 0]).expand(len(images), -1).unflatten(1, (-1, 3))


def own_task(heatmaps: Any) -> LiftingTask:
    return LiftingTask(
        facts("egosynth"),
        FromImages,
        partial(heatmaps, heatmap_px=16),
        {"mpjpe": 0.1, "bone_cosine": 0.0},
        torch.optim.AdamW,
        partial(warmup_cosine, warmup_epochs=1),
    )


def test_a_lifter_gets_what_it_names_and_the_cameras(batch: Batch) -> None:
    task = own_task(TrueHeatmaps)
    assert task(batch).shape == (2, 16, 3)
    assert task.lifter.rig == StereoRig.unrealego()
    joint_heatmaps, images = task.lifter.read
    close(joint_heatmaps, task.heatmaps(batch).joint)
    close(images, normalise_images(batch.images))


def test_images_are_not_to_be_had_with_cached_heatmaps(batch: Batch) -> None:
    task = own_task(TrueHeatmaps)
    cached = batch._replace(images=torch.empty(2, 2, 3, 0, 0).byte(), heatmaps=task.heatmaps(batch))
    with pytest.raises(EgotapError, match=r"heatmaps\.cache=false"):
        task(cached)


def test_no_heatmaps_are_zeros_without_memory(batch: Batch) -> None:
    maps: Heatmaps = NoHeatmaps(facts("egosynth").skeleton, 16)(batch)
    assert maps.joint.shape == (2, 2, 15, 16, 16)
    assert maps.limb.shape == (2, 2, 15, 2, 16, 16)
    assert not maps.joint.any()
    assert maps.joint.untyped_storage().nbytes() == 4

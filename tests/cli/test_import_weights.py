"""`egotap import-weights` gives a checkpoint whose network computes the same poses as the release."""

from __future__ import annotations

import sys
from pathlib import Path

import by_hand
import egoposeformer_by_hand
import published
import pytest
import torch
from published import Tiny

from egotap_pl.cli.configuration.conf_dir import conf_dir
from egotap_pl.cli.main import main
from egotap_pl.core.batch import Batch
from egotap_pl.core.skeleton import Skeleton, egocap, unrealego
from egotap_pl.engine.checkpoints.loading import load_task
from egotap_pl.nn.images import normalise_images

SMOKE = Tiny(depth=1)  # scale=smoke
DATA = {"unrealego": unrealego(), "egocap": egocap()}


def folder(method: str, skeleton: Skeleton, path: Path) -> Path:
    """Write files as the authors publish them. UnrealEgo has no limb heatmaps, and Ego3DPose has one limb fewer."""
    n = skeleton.num_heatmap_joints
    torch.manual_seed(1)
    files = {"joint": published.estimator(2 * n)}
    if method == "egotap":
        files |= {"lifter": published.egotap_lifter(skeleton, "pu", SMOKE), "limb": published.estimator(4 * n)}
    elif method == "ego3dpose":
        files |= {"lifter": published.ego3dpose_lifter(skeleton, SMOKE), "limb": published.estimator(4 * n - 4)}
    else:
        files |= {"lifter": published.unrealego_lifter(skeleton, SMOKE)}
    return published.publish(path, **files)


def make_batch(skeleton: Skeleton) -> Batch:
    joints = skeleton.num_joints
    return Batch(
        images=torch.randint(0, 256, (2, 2, 3, 64, 64), dtype=torch.uint8),
        points2d_px=torch.rand(2, 2, joints, 2) * 1024,
        pose_cm=torch.randn(2, joints, 3),
        origin_cm=torch.zeros(2, 2, 3),
        visibility=torch.ones(2, 2, joints, dtype=torch.uint8),
        category=torch.zeros(2, dtype=torch.int64),
        frame=torch.arange(2),
    )


def pose_by_hand(method: str, source: Path, images: torch.Tensor, skeleton: Skeleton) -> torch.Tensor:
    """Poses for images, as the release computes them."""
    n = skeleton.num_heatmap_joints
    load = {name: torch.load(path) for name, path in ((path.name, path) for path in source.glob("*.pth"))}
    joints = by_hand.estimated_maps(load[published.JOINTS], images).unflatten(1, (2, -1))
    lifter = load[published.LIFTER]
    if method == "unrealego":
        return by_hand.unrealego_pose(lifter, joints)[:, -len(skeleton.estimated) :]
    limbs = by_hand.estimated_maps(load[published.LIMBS], images).unflatten(1, (2, 2, -1)).transpose(2, 3)
    if method == "egotap":
        return by_hand.egotap_pose(lifter, joints, limbs, skeleton, "pu", SMOKE.heads)
    root = limbs.new_zeros(2, 2, n - limbs.shape[2], *limbs.shape[3:])
    return by_hand.ego3dpose_pose(lifter, joints, torch.cat((root, limbs), 2))


@pytest.mark.parametrize(
    ("method", "data"),
    [("egotap", "unrealego"), ("ego3dpose", "egocap"), ("unrealego", "unrealego")],
)
def test_a_checkpoint_answers_as_the_release_does(method, data, tmp_path, monkeypatch):
    skeleton = DATA[data]
    source, checkpoint = folder(method, skeleton, tmp_path / "published"), tmp_path / "new" / "release.ckpt"
    arguments = (f"release={method}", f"source={source}", f"output={checkpoint}", f"data={data}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    main(["import-weights", *arguments, "scale=smoke"])
    assert [path.name for path in checkpoint.parent.iterdir()] == ["release.ckpt"]  # nothing half written beside it
    task, about = load_task(checkpoint, ["egotap_pl"], ["walking", "sitting"])
    assert about.facts().skeleton == skeleton
    assert task.test_error.category_names == ("walking", "sitting")
    frames = make_batch(skeleton)
    with torch.inference_mode():
        pose_cm = task.eval()(frames)
        expected = pose_by_hand(method, source, normalise_images(frames.images), skeleton)
    torch.testing.assert_close(pose_cm, expected, rtol=1e-4, atol=1e-4)


def test_egoposeformer_answers_as_its_release_does(tmp_path, monkeypatch):
    torch.manual_seed(1)
    state, skeleton = egoposeformer_by_hand.published_state(width=8, backbone=4), unrealego()
    source = egoposeformer_by_hand.publish(tmp_path / "published" / "epoch_11.ckpt", state)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    size = ("scale=smoke", "lifter.pose_unit_cm=1.0")  # the release estimates cm, as scale=paper does
    main(["import-weights", "release=egoposeformer", f"source={source.parent}", "output=own.ckpt", *size])
    task, _ = load_task(tmp_path / "own.ckpt", ["egotap_pl"])
    frames = make_batch(skeleton)
    origin_cm = task.lifter.rig.to_views(torch.tensor([[[-6.0, -22.0, 65.0]], [[5.0, 0.0, 50.0]]]))[:, :, 0]
    images = normalise_images(frames.images)
    with torch.inference_mode():
        pose_cm = task.eval()(frames._replace(origin_cm=origin_cm))
        expected = egoposeformer_by_hand.poses_cm(state, images, origin_cm)
    torch.testing.assert_close(pose_cm, expected, rtol=1e-4, atol=1e-3)


def test_mistakes_end_with_one_message(tmp_path, monkeypatch, capsys):
    source = folder("egotap", unrealego(), tmp_path / "published")
    output = tmp_path / "release.ckpt"
    monkeypatch.chdir(tmp_path)

    def fails(*overrides: str) -> str:
        monkeypatch.setattr(sys, "argv", sys.argv)  # Hydra reads it, and the program sets it
        with pytest.raises(SystemExit) as ended:
            main(["import-weights", f"output={output}", "scale=smoke", *overrides])
        assert ended.value.code == 1
        assert not output.exists()
        return capsys.readouterr().err

    assert "missing" in fails("release=egotap", f"source={source}", "propagation=concat")
    assert "global_mlp" in fails("release=egotap", f"source={source}", "data=egocap")
    assert "no such folder" in fails("release=egotap", "source=nowhere")
    assert "a file, not a folder" in fails("release=egotap", f"source={source / published.JOINTS}")
    assert "ego3dpose" in fails(f"source={source}")
    own = ("release=egotap", f"source={source}", "data.name=mine")
    assert "data=mine: the joints of this data set are not known here" in fails(*own)
    assert "data=mine" not in fails(*own, "skeleton._target_=egotap_pl.core.skeleton.unrealego", "propagation=concat")


@pytest.mark.parametrize("data", sorted(path.stem for path in (conf_dir() / "data").glob("*.yaml")))
def test_the_skeleton_of_every_data_set_is_known(data, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", sys.argv)
    with pytest.raises(SystemExit):
        main(["import-weights", "release=egotap", "source=nowhere", "output=release.ckpt", f"data={data}"])
    assert "nowhere: no such folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("release", "source", "name"),
    [
        ("unrealego", "published", published.JOINTS),
        ("egoposeformer", "published", "epoch_11.ckpt"),
        ("egoposeformer", "published/epoch_11.ckpt", "epoch_11.ckpt"),
    ],
)
def test_published_files_are_not_overwritten(release, source, name, tmp_path, monkeypatch, capsys):
    file = tmp_path / "published" / name
    if release == "egoposeformer":
        egoposeformer_by_hand.publish(file, egoposeformer_by_hand.published_state(width=8, backbone=4))
    else:
        folder(release, unrealego(), file.parent)
    content = file.read_bytes()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    size = ("scale=smoke", *(["lifter.pose_unit_cm=1.0"] if release == "egoposeformer" else []))
    with pytest.raises(SystemExit):
        main(["import-weights", f"release={release}", f"source={source}", f"output=published/{name}", *size])
    assert "is a published file, which would be overwritten" in capsys.readouterr().err
    assert file.read_bytes() == content

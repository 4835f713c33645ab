from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import by_hand
import published
import pytest
import torch
from published import TINY, publish
from torch import nn

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton, egocap, unrealego
from egotap_pl.interop import METHODS, load_estimator, load_lifter
from egotap_pl.interop.baselines import (
    BaselineSizes,
    ego3dpose_lifter,
    ego3dpose_weights,
    unrealego_lifter,
    unrealego_weights,
)
from egotap_pl.interop.egotap import PROPAGATIONS, LifterSizes, lifter_weights, release_lifter
from egotap_pl.interop.estimator import estimator_weights
from egotap_pl.interop.state import fill, read_published
from egotap_pl.nn.estimator import JointEstimator, LimbEstimator
from egotap_pl.nn.lifter import Lifter

SIZES = LifterSizes(TINY.px, TINY.joint_dim, TINY.width, TINY.mlp, TINY.depth, TINY.heads, TINY.hidden)
BASELINE = BaselineSizes(TINY.px, TINY.channels, TINY.hidden)
RELEASE: dict[str, Any] = {"lateral_widths": (128, 256, 516, 1024), "decoder_widths": (1024, 512, 512)}
NARROW: dict[str, Any] = {"width": 4, "lateral_widths": (8, 16, 32, 64), "decoder_widths": (16, 8, 8)}
close = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-5)


def maps(skeleton: Skeleton, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    joints = skeleton.num_heatmap_joints
    return torch.rand(batch, 2, joints, TINY.px, TINY.px), torch.randn(batch, 2, joints, 2, TINY.px, TINY.px)


def imported(folder, skeleton: Skeleton, propagation: str) -> Lifter:
    lifter = release_lifter(skeleton, TINY.px, propagation, SIZES)
    fill(lifter, lifter_weights(read_published(folder, "lifter"), lifter, propagation))
    return lifter.eval()


@pytest.mark.parametrize("propagation", PROPAGATIONS)
def test_egotap_is_what_the_release_computes(propagation, skeleton, tmp_path):
    state = published.egotap_lifter(skeleton, propagation)
    lifter = imported(publish(tmp_path, lifter=state), skeleton, propagation)
    joints, limbs = maps(skeleton)
    expected = by_hand.egotap_pose(state, joints, limbs, skeleton, propagation, TINY.heads)
    assert expected.shape == (2, len(skeleton.estimated), 3)
    close(lifter(joints, limbs), expected)


def test_ego3dpose_is_what_the_release_computes(skeleton, tmp_path):
    state = published.ego3dpose_lifter(skeleton)
    lifter = ego3dpose_lifter(skeleton, TINY.px, BASELINE)
    fill(lifter, ego3dpose_weights(read_published(publish(tmp_path, lifter=state), "lifter"), lifter))
    joints, limbs = maps(skeleton)
    close(lifter.eval()(joints, limbs), by_hand.ego3dpose_pose(state, joints, limbs))


def test_unrealego_is_what_the_release_computes(skeleton, tmp_path):
    state = published.unrealego_lifter(skeleton)
    lifter = unrealego_lifter(skeleton, TINY.px, BASELINE)
    fill(lifter, unrealego_weights(read_published(publish(tmp_path, lifter=state), "lifter"), lifter))
    joints, limbs = maps(skeleton)
    rows = by_hand.unrealego_pose(state, joints)  # on EgoCap, row 0 is the camera
    close(lifter.eval()(joints, limbs), rows[:, -len(skeleton.estimated) :])


def test_estimators_are_what_the_release_computes(skeleton, tmp_path):
    n = skeleton.num_heatmap_joints
    states = {"joint": published.estimator(2 * n), "limb": published.estimator(4 * n)}
    folder = publish(tmp_path, **states)
    images = torch.randn(2, 2, 3, 64, 64)
    for kind, make in (("joint", JointEstimator), ("limb", LimbEstimator)):
        net = make(skeleton, **NARROW)
        fill(net, estimator_weights(read_published(folder, kind), net, skeleton))
        expected = by_hand.estimated_maps(states[kind], images).unflatten(1, (2, -1))
        if kind == "limb":  # per view, all cosines, then all sines
            expected = torch.stack(expected.split(n, 2), 3)
        close(net.eval()(images), expected)


def test_a_limb_estimator_without_the_limb_of_the_root_gives_zeros_for_it(skeleton, tmp_path):
    n = skeleton.num_heatmap_joints
    state = published.estimator(4 * (n - 1))
    net = LimbEstimator(skeleton, **NARROW)
    fill(net, estimator_weights(read_published(publish(tmp_path, limb=state), "limb"), net, skeleton))
    images = torch.randn(1, 2, 3, 64, 64)
    estimate = net.eval()(images)
    assert (estimate[:, :, 0] == 0).all()
    expected = by_hand.estimated_maps(state, images).unflatten(1, (2, -1)).split(n - 1, 2)
    close(estimate[:, :, 1:], torch.stack(expected, 3))


def test_released_units_follow_a_chain_and_lstms_the_tree(tmp_path):
    """Another feature of the left upper arm moves all later joints with pu, its descendants only with concat."""
    skeleton = unrealego()
    moved = {}
    for propagation in ("pu", "concat"):
        state = published.egotap_lifter(skeleton, propagation)
        lifter = imported(publish(tmp_path, lifter=state), skeleton, propagation)
        joint, limb = torch.randn(1, 15, 16), torch.randn(1, 15, 16)
        changed = joint.clone()
        changed[:, 1] += 1  # upperarm_l
        differs = (lifter.propagation(changed, limb) != lifter.propagation(joint, limb)).any(-1)[0]
        moved[propagation] = [skeleton.joints[j + 1] for j in differs.nonzero().flatten()]
    assert moved["pu"] == list(skeleton.joints[2:])
    assert moved["concat"] == [skeleton.joints[j] for j in skeleton.subtree(2)]


def test_released_rows_are_one_too_early_on_unrealego_only(tmp_path):
    for skeleton in (unrealego(), egocap()):
        lifter = imported(publish(tmp_path, lifter=published.egotap_lifter(skeleton, "rf")), skeleton, "rf")
        joint_features, propagated = (
            torch.randn(1, skeleton.num_heatmap_joints, 16),
            torch.randn(1, skeleton.num_heatmap_joints, 32),
        )
        with torch.no_grad():
            rows = {}
            for joint in range(1, skeleton.num_joints):
                changed = joint_features.clone()
                changed[:, joint - 1] += 1
                differs = lifter.head(changed, propagated) != lifter.head(joint_features, propagated)
                (row,) = differs.any(-1)[0].nonzero().flatten().tolist()
                rows[joint] = skeleton.estimated[row]
        assert rows == {joint: joint - skeleton.estimates_root for joint in rows}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: s.pop("pose_mlp.pose_fcs.0.bias"), r"1 missing \(pose_mlp.pose_fcs.0.bias\)"),
        (lambda s: s.update(extra=torch.ones(1)), r"1 unknown \(extra\)"),
        (lambda s: s.update({"pose_mlp.pose_fcs.0.bias": torch.ones(4)}), r"of another shape .*bias 4, not 3"),
        (  # a variance that was more than half precision holds: the feature would be zero, and the poses plausible
            lambda s: s["rot_heatmap_encoder.fc1.bn.running_var"].__setitem__(2, torch.inf),
            r"1 with values that are not finite \(rot_heatmap_encoder.fc1.bn.running_var\)",
        ),
    ],
)
def test_keys_that_do_not_fit_are_named(damage, message, tmp_path):
    state = published.egotap_lifter(unrealego(), "pu")
    damage(state)
    with pytest.raises(EgotapError, match=rf"best_net_AutoEncoder.pth.*{message}"):
        imported(publish(tmp_path, lifter=state), unrealego(), "pu")


def test_weights_of_another_propagation_or_skeleton_are_refused(tmp_path):
    folder = publish(tmp_path, lifter=published.egotap_lifter(unrealego(), "concat"))
    with pytest.raises(EgotapError, match=r"missing .*unknown"):
        imported(folder, unrealego(), "pu")
    with pytest.raises(EgotapError, match=r"2 unknown \(global_mlp"):
        imported(folder, egocap(), "concat")


def test_a_backbone_that_differs_from_its_copy_is_refused(tmp_path):
    state = published.estimator(30)
    state["backbone.backbone.layer3.0.conv1.weight"] += 1
    net = JointEstimator(unrealego(), **NARROW)
    with pytest.raises(EgotapError, match=r"not the same as the tensors they repeat \(backbone.backbone.layer3"):
        estimator_weights(read_published(publish(tmp_path, joint=state), "joint"), net, unrealego())


def test_names_of_data_parallel_training_are_read(tmp_path):
    state = published.egotap_lifter(unrealego(), "rf")
    expected = imported(publish(tmp_path / "plain", lifter=state), unrealego(), "rf")
    wrapped = {f"module.{name}": tensor for name, tensor in state.items()}
    lifter = imported(publish(tmp_path / "wrapped", lifter=wrapped), unrealego(), "rf")
    joints, limbs = maps(unrealego())
    assert torch.equal(lifter(joints, limbs), expected(joints, limbs))


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(EgotapError, match="no such folder"):
        load_lifter("egotap", tmp_path / "nowhere", unrealego())
    with pytest.raises(EgotapError, match=r"has no best_net_HeatMap.pth; its .pth files: none"):
        load_estimator(tmp_path, "joint", unrealego())
    (tmp_path / published.JOINTS).write_bytes(b"not a state dict")
    with pytest.raises(EgotapError, match=r"best_net_HeatMap.pth is not a state dict"):
        load_estimator(tmp_path, "joint", unrealego())
    for content in ([1, 2], {"weight": 1}, {0: torch.ones(2)}):
        torch.save(content, tmp_path / published.JOINTS)
        with pytest.raises(EgotapError, match="must map names to tensors"):
            load_estimator(tmp_path, "joint", unrealego())


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / published.JOINTS
    torch.save({"weight": torch.arange(1000.0)}, path)
    data = bytearray(path.read_bytes())
    data[data.index(torch.arange(1000.0).numpy().tobytes()) + 2000] ^= 1
    path.write_bytes(data)
    with pytest.raises(EgotapError, match=r"is damaged: the checksum of .* is wrong"):
        load_estimator(tmp_path, "joint", unrealego())


class Harmful:
    def __reduce__(self):
        return (print, ("run",))


def test_code_in_a_file_is_not_run(tmp_path, capsys):
    torch.save({"weights": Harmful()}, tmp_path / published.LIFTER)
    with pytest.raises(EgotapError, match="not a state dict of tensors"):
        load_lifter("egotap", tmp_path, unrealego())
    assert capsys.readouterr().out == ""


def test_unknown_names_are_refused_with_a_list_of_the_known_ones(tmp_path):
    with pytest.raises(EgotapError, match=", ".join(METHODS)):
        load_lifter("alphapose", tmp_path, unrealego())
    with pytest.raises(EgotapError, match="none, rf, lstm"):
        load_lifter("egotap", tmp_path, unrealego(), propagation="gru")
    with pytest.raises(EgotapError, match="joint, limb"):
        load_estimator(tmp_path, "hand", unrealego())


# Numbers of parameters of the releases (UnrealEgo, EgoCap), counted on their code.
COUNTS = {
    ("egotap", "none"): (92_295_945, 92_272_899),
    ("egotap", "rf"): (92_319_753, 92_273_667),
    ("egotap", "lstm"): (93_348_617, 93_325_571),
    ("egotap", "alter"): (93_348_617, 93_325_571),
    ("egotap", "concat"): (96_522_249, 96_476_163),
    ("egotap", "pu"): (96_984_329, 96_938_243),
    ("ego3dpose", "pu"): (106_063_151, 106_088_054),
    ("unrealego", "pu"): (70_668_678, 70_677_080),
}
CLASS_TOKEN_AND_POOLER = 1_050_624
UNUSED_LIMB_ENCODER = 8192 * 2048 + 2048 * 512 + 512 * 128 + 3 * (2048 + 512 + 128)
CAMERA_ROW = 3 * (32 + 1)  # of UnrealEgo's last linear layer, on EgoCap


@pytest.mark.parametrize(("method", "propagation"), COUNTS)
def test_parameters_are_the_releases(method, propagation, skeleton):
    makers: dict[str, Callable[..., nn.Module]] = {
        "egotap": partial(release_lifter, propagation=propagation),
        "ego3dpose": ego3dpose_lifter,
        "unrealego": unrealego_lifter,
    }
    with torch.device("meta"):
        lifter = makers[method](skeleton)
    unused = 0
    if method == "egotap":
        unused = CLASS_TOKEN_AND_POOLER + (UNUSED_LIMB_ENCODER if propagation in ("none", "lstm") else 0)
    if method == "unrealego" and not skeleton.estimates_root:
        unused = CAMERA_ROW
    count = sum(parameter.numel() for parameter in lifter.parameters())
    assert count + unused == COUNTS[method, propagation][skeleton.name == "egocap"]


def test_estimator_parameters_are_the_releases():
    with torch.device("meta"):
        estimator = JointEstimator(unrealego(), **RELEASE)
    assert sum(parameter.numel() for parameter in estimator.parameters()) / 1e6 == pytest.approx(35.6, abs=0.05)


@pytest.mark.slow
def test_release_sizes_load(tmp_path):
    """The public functions load networks of the releases' sizes."""
    release = published.Tiny(64, 256, 1024, 4096, 8, 3, (2048, 512), (64, 128, 256))
    folder = publish(
        tmp_path,
        lifter=published.egotap_lifter(unrealego(), "pu", release),
        joint=published.estimator(30, 64, *RELEASE.values()),
    )
    joints, limbs = torch.rand(1, 2, 15, 64, 64), torch.randn(1, 2, 15, 2, 64, 64)
    with torch.inference_mode():
        assert load_lifter("egotap", folder, unrealego())(joints, limbs).shape == (1, 16, 3)
        estimator = load_estimator(folder, "joint", unrealego())
        assert not estimator.training
        assert estimator(torch.randn(1, 2, 3, 256, 256)).shape == (1, 2, 15, 64, 64)
    for method in ("ego3dpose", "unrealego"):
        state = getattr(published, f"{method}_lifter")(unrealego(), release)
        with torch.inference_mode():
            lifter = load_lifter(method, publish(tmp_path, lifter=state), unrealego())
            assert lifter(joints, limbs).shape == (1, 16, 3)

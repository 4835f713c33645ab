from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from release_sizes import HIDDEN_DIMS, VIT
from tiny_lifter import ENCODERS, HEADS, JOINT_DIM, PROPAGATIONS, make_lifter, random_heatmaps

from egotap_pl.core.skeleton import egocap, unrealego
from egotap_pl.nn.encoders import LimbEncoder, ReleaseGridViTEncoder
from egotap_pl.nn.heads import PerJointHead
from egotap_pl.nn.lifter import Lifter
from egotap_pl.nn.propagation import ConcatPropagation, Propagation, PuPropagation

# Numbers of parameters in the release (UnrealEgo, EgoCap), including its unused class token and pooler.
RELEASE_PARAMETERS = {
    "none": (92_295_945, 92_272_899),
    "rf": (92_319_753, 92_273_667),
    "lstm": (93_348_617, 93_325_571),
    "alter": (93_348_617, 93_325_571),
    "concat": (96_522_249, 96_476_163),
    "pu": (96_984_329, 96_938_243),
}
UNUSED_IN_RELEASE = 1_050_624
RELEASE_STATES: dict[str, Callable[..., Propagation]] = {
    "concat": partial(ConcatPropagation, state_dim=512),
    "pu": partial(PuPropagation, state_dim=512),
}


@pytest.mark.parametrize("variant", RELEASE_PARAMETERS)
def test_release_sizes(variant, skeleton):
    limb_encoder = partial(LimbEncoder, hidden_dims=HIDDEN_DIMS)
    with torch.device("meta"):
        lifter = Lifter(
            skeleton,
            64,
            256,
            partial(ReleaseGridViTEncoder, **VIT),
            limb_encoder,
            RELEASE_STATES.get(variant, PROPAGATIONS[variant]),
            partial(PerJointHead, global_reads_joint=False),
        )
        # The release builds the limb encoder even for variants that do not call it; we do not.
        unused = 0 if lifter.propagation.uses_limbs else count(limb_encoder(64, 256))
    assert count(lifter) + unused + UNUSED_IN_RELEASE == RELEASE_PARAMETERS[variant][skeleton.name == "egocap"]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("propagation", PROPAGATIONS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_all_parts_compose_and_every_parameter_learns(encoder, propagation, head, skeleton):
    lifter = make_lifter(skeleton, encoder, propagation, head)
    pose = lifter(*random_heatmaps(skeleton, 3))
    assert pose.shape == (3, len(skeleton.estimated), 3)
    (pose * torch.randn_like(pose)).sum().backward()
    assert [name for name, p in lifter.named_parameters() if p.grad is None] == []
    # Biases are excluded: before batch normalisation, their gradients are rounding errors only.
    zero = [name for name, p in lifter.named_parameters() if p.grad.abs().sum() == 0 and not name.endswith("bias")]
    assert zero == []


@pytest.mark.parametrize("propagation", [name for name in PROPAGATIONS if name not in ("none", "lstm")])
def test_propagations_that_read_limbs_depend_on_them(propagation, skeleton):
    lifter = make_lifter(skeleton, propagation=propagation).eval()
    joints, limbs = random_heatmaps(skeleton, 2)
    assert not torch.allclose(lifter(joints, limbs), lifter(joints, torch.rand_like(limbs)))


@pytest.mark.parametrize("propagation", ["none", "lstm"])
def test_no_limb_encoder_if_the_propagation_does_not_read_limbs(propagation, skeleton):
    lifter = make_lifter(skeleton, propagation=propagation).eval()
    assert lifter.limb_encoder is None
    assert lifter(random_heatmaps(skeleton, 2)[0], None).isfinite().all()


def test_features_are_what_the_head_reads(skeleton):
    lifter = make_lifter(skeleton).eval()
    maps = random_heatmaps(skeleton, 2)
    features = lifter.features(*maps)
    assert features.embedding is None
    assert features.joint.shape == features.limb.shape == (2, skeleton.num_heatmap_joints, JOINT_DIM)
    torch.testing.assert_close(lifter.head(features.joint, features.propagated), lifter(*maps))


def test_embedding_goes_straight_to_a_vector_head():
    lifter = make_lifter(unrealego(), "cnn", "none", "mlp").eval()
    maps = random_heatmaps(lifter.skeleton, 2)
    assert lifter.joint_projection is None
    torch.testing.assert_close(lifter.head(lifter.encoder(maps[0])), lifter(*maps))


@pytest.mark.parametrize("propagation", ["lstm", "alter", "concat", "pu"])
def test_a_limb_moves_its_descendants_only(propagation):
    """On EgoCap the head treats joints separately, so a limb's heatmaps move its joint and the joint's descendants."""
    skeleton = egocap()
    lifter = make_lifter(skeleton, propagation=propagation).eval()
    joints, limbs = random_heatmaps(skeleton, 2)
    before = lifter(joints, limbs)
    for joint in range(1, skeleton.num_joints):
        changed = limbs.clone()
        changed[:, :, joint - 1] = torch.rand_like(changed[:, :, joint - 1])
        moved = (lifter(joints, changed) - before).abs().amax((0, 2)) > 0
        expected = skeleton.subtree(joint) if lifter.propagation.uses_limbs else ()
        assert [skeleton.estimated[row] for row in moved.nonzero().flatten().tolist()] == sorted(expected)


def test_propagation_parents_replace_the_tree():
    skeleton = egocap()
    lifter = make_lifter(skeleton, propagation_parents=skeleton.chain().parents).eval()
    joints, limbs = random_heatmaps(skeleton, 2)
    changed = limbs.clone()
    changed[:, :, 3] += 1
    moved = (lifter(joints, changed) - lifter(joints, limbs)).abs().amax((0, 2)) > 0
    assert moved.nonzero().flatten().tolist() == list(range(3, 17))  # joint 4 and all later ones
    with pytest.raises(ValueError, match="root"):
        make_lifter(skeleton, propagation_parents=[0, 2, 1, *[0] * 15])


def test_mean_pose_and_unit(skeleton):
    lifter = make_lifter(skeleton, pose_unit_cm=20.0).eval()
    maps = random_heatmaps(skeleton, 2)
    features = lifter.features(*maps)
    mean = torch.randn(len(skeleton.estimated), 3)
    lifter.set_mean_pose(mean)
    output = lifter.head(features.joint, features.propagated)
    torch.testing.assert_close(lifter(*maps), mean + 20 * output)
    assert "mean_pose_cm" in lifter.state_dict()  # it is saved with the weights


@pytest.mark.parametrize("shape", [(1, 3), (16, 1), (48,), (15, 3)])
def test_a_pose_of_another_shape_is_not_broadcast(shape):
    """The first two could be added to the mean pose."""
    lifter = make_lifter(unrealego(), encoder="cnn", propagation="none", head="mlp")
    lifter.head.forward = lambda vector: torch.zeros(len(vector), *shape)
    with pytest.raises(ValueError, match=r"MlpHead returned \(2, .* in place of a tensor of \(2, 16, 3\)"):
        lifter(*random_heatmaps(unrealego(), 2))


@pytest.mark.parametrize("change", [lambda x: x[:, :1], lambda x: torch.cat((x, x), -1), lambda x: (x, x)])
def test_propagated_features_of_another_shape_are_named(change):
    lifter = make_lifter(unrealego())
    lifter.propagation.register_forward_hook(lambda _, __, output: change(output))
    with pytest.raises(ValueError, match=r"Propagation returned .* in place of a tensor of \(2, 15, "):
        lifter(*random_heatmaps(unrealego(), 2))


@pytest.mark.parametrize(("encoder", "head"), [("grid_vit", "per_joint"), ("cnn", "mlp")])
def test_overfits_one_batch(encoder, head):
    skeleton = unrealego()
    lifter = make_lifter(skeleton, encoder, "pu" if head == "per_joint" else "none", head)
    maps = random_heatmaps(skeleton, 4)
    target = torch.randn(4, len(skeleton.estimated), 3)
    optimizer = torch.optim.AdamW(lifter.parameters(), lr=1e-2)
    for _ in range(80):
        loss = (lifter(*maps) - target).norm(dim=-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.25 * target.norm(dim=-1).mean()


def count(module) -> int:
    return sum(p.numel() for p in module.parameters())

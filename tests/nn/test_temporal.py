"""What reads windows of frames: against a walk joint by joint and frame by frame, never from a later frame."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from slow_transformer import torch_transformer
from tiny_lifter import make_lifter, random_heatmaps

from egotap_pl.core.skeleton import Skeleton, egocap, unrealego
from egotap_pl.nn import lifter as lifters
from egotap_pl.nn.propagation import TemporalPropagation
from egotap_pl.nn.propagation.temporal import TemporalUnit
from egotap_pl.nn.temporal import CausalAttention

DIM, STATE = 6, 5


def walked(unit: TemporalUnit, skeleton: Skeleton, features: torch.Tensor, limb: torch.Tensor | None) -> torch.Tensor:
    """The unit's hidden states by its equations, one joint of one frame at a time."""
    b, t, joints, _ = features.shape
    zero = torch.zeros(b, unit.state_dim)
    hidden: dict[tuple[int, int], torch.Tensor] = {}
    memory: dict[tuple[int, int], torch.Tensor] = {}
    weight, bias = unit.to_forget.weight, unit.to_forget.bias
    for frame in range(t):
        for joint in range(1, joints + 1):
            x, parent = features[:, frame, joint - 1], skeleton.parents[joint]
            forget = torch.sigmoid(x @ weight.T + bias)
            h_parent, c_parent = hidden.get((frame, parent), zero), memory.get((frame, parent), zero)
            h_past, c_past = hidden.get((frame - 1, joint), zero), memory.get((frame - 1, joint), zero)
            s = unit.state_dim
            gates = unit.input_to_gates(x)
            gates = gates + unit.parent_to_gates(forget[:, :s] * h_parent)
            gates = gates + unit.past_to_gates(forget[:, s : 2 * s] * h_past)
            if limb is not None and unit.limb_to_gates is not None:
                gates = gates + unit.limb_to_gates(forget[:, 2 * s :] * limb[:, frame, joint - 1])
            of_parent, of_own, write, candidate, out = (gates[:, k * s : (k + 1) * s] for k in range(5))
            c = torch.sigmoid(of_parent) * c_parent + torch.sigmoid(of_own) * c_past
            c = c + torch.sigmoid(write) * torch.tanh(candidate)
            memory[frame, joint], hidden[frame, joint] = c, torch.sigmoid(out) * torch.tanh(c)
    rows = [torch.stack([hidden[frame, joint] for joint in range(1, joints + 1)], 1) for frame in range(t)]
    return torch.stack(rows, 1)


@pytest.mark.parametrize("skeleton", [unrealego(), egocap()], ids=lambda s: s.name)
def test_a_unit_equals_its_equations(skeleton: Skeleton) -> None:
    joints = skeleton.num_heatmap_joints
    features, limb = torch.randn(2, 4, joints, DIM), torch.randn(2, 4, joints, DIM)
    with_limbs, upper = (TemporalUnit(skeleton, DIM, STATE, limb_dim) for limb_dim in (DIM, 0))
    torch.testing.assert_close(with_limbs(features, limb), walked(with_limbs, skeleton, features, limb))
    torch.testing.assert_close(upper(features, None), walked(upper, skeleton, features, None))


def test_every_weight_learns_from_a_window_and_the_past_matters() -> None:
    net = TemporalPropagation(unrealego(), DIM, state_dim=STATE)
    joint, limb = (torch.randn(2, 3, 15, DIM, requires_grad=True) for _ in range(2))
    net.over_time(joint, limb).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    for features in (joint, limb):
        assert features.grad is not None
        assert (features.grad.abs().sum((0, 2, 3)) > 0).all()
    alone = net(joint[:, -1], limb[:, -1])
    torch.testing.assert_close(alone, net.over_time(joint[:, -1:], limb[:, -1:]))
    assert not torch.allclose(alone, net.over_time(joint, limb))


def test_a_joint_reads_its_ancestors_past_but_no_other_branch() -> None:
    skeleton = egocap()
    net = TemporalPropagation(skeleton, DIM, state_dim=STATE)
    joint, limb = torch.randn(2, 1, 3, skeleton.num_heatmap_joints, DIM).unbind(0)
    moved = joint.clone()
    changed = skeleton.num_joints - 1  # a leaf
    moved[:, 0, changed - 1] += 1
    difference = (net.over_time(moved, limb) - net.over_time(joint, limb)).abs().sum(-1)[0]
    assert difference[changed - 1] > 0
    assert difference.count_nonzero() == 1


@pytest.mark.parametrize("head", ["per_joint", "mlp"])
@pytest.mark.parametrize("encoder", ["grid_vit", "cnn"])
def test_a_lifter_of_windows(encoder: str, head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one frame it is the lifter of frames alone; earlier frames change the pose."""
    monkeypatch.setitem(make_lifter.__globals__["PROPAGATIONS"], "temporal", TemporalPropagation)
    skeleton = unrealego()
    lifter = make_lifter(skeleton, encoder, "temporal", head).eval()
    assert isinstance(lifter, lifters.Lifter)
    assert lifter.reads_past
    assert not make_lifter(skeleton, encoder, "pu", head).reads_past
    maps = random_heatmaps(skeleton, 6)
    codes = lifter.encode(*maps)
    torch.testing.assert_close(lifter.lift(tuple(code[:, None] for code in codes)), lifter(*maps))
    windows = lifter.lift(tuple(code.unflatten(0, (2, 3)) for code in codes))
    assert windows.shape == (2, 16, 3)
    assert not torch.allclose(windows, lifter(*maps)[2::3])


def settled(head: CausalAttention) -> CausalAttention:
    """A head that no longer answers with the last pose itself."""
    torch.nn.init.normal_(head.to_offset.weight, std=0.1)
    return head.eval()


def test_attention_is_torchs_with_a_causal_mask_and_the_ages_of_frames() -> None:
    head = settled(CausalAttention(unrealego(), width=16, heads=2, mlp_width=32))
    poses_cm = 30 * torch.randn(3, 5, 16, 3)
    angles = torch.tensor([4.0, 3.0, 2.0, 1.0, 0.0])[:, None] * 1000 ** (-torch.arange(8) / 8)
    tokens = head.to_token(poses_cm.flatten(2) / 20) + torch.cat((angles.sin(), angles.cos()), -1)
    *layers, norm = torch_transformer(SimpleNamespace(transformer=(*head.blocks, head.norm)))
    for layer in layers:
        tokens = layer(tokens, src_mask=torch.nn.Transformer.generate_square_subsequent_mask(5))
    offset = head.to_offset(norm(tokens[:, -1])).view(3, 16, 3)
    torch.testing.assert_close(head(poses_cm), poses_cm[:, -1] + 20 * offset, rtol=1e-4, atol=1e-3)


def test_attention_begins_with_the_lifters_pose_and_learns() -> None:
    head = CausalAttention(unrealego(), width=16, heads=2)
    poses_cm = 30 * torch.randn(3, 5, 16, 3)
    assert torch.equal(head(poses_cm), poses_cm[:, -1])
    settled(head)
    poses_cm.requires_grad_()
    head(poses_cm).square().sum().backward()
    assert poses_cm.grad is not None
    assert (poses_cm.grad.abs().sum((0, 2, 3)) > 0).all()
    learning = [p.grad is not None and bool(p.grad.abs().sum() > 0) for p in head.parameters()]
    assert all(learning)


def test_attention_depends_on_the_order_of_frames_and_no_token_on_a_later_one() -> None:
    head = settled(CausalAttention(unrealego(), width=16, heads=2))
    poses_cm = 30 * torch.randn(3, 5, 16, 3)
    assert not torch.allclose(head(poses_cm), head(poses_cm[:, [1, 0, 2, 3, 4]]))
    block = head.blocks[0]
    tokens = torch.randn(1, 5, 16)
    changed = tokens.clone()
    changed[:, 3] = torch.randn(16)
    difference = (block(changed, causal=True) - block(tokens, causal=True)).abs().sum(-1)[0]
    assert (difference > 1e-6).tolist() == [False, False, False, True, True]


def test_an_odd_width_is_refused() -> None:
    with pytest.raises(ValueError, match="even, not 15"):
        CausalAttention(unrealego(), width=15)

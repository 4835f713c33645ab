from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_lifter import PROPAGATIONS
from torch import nn

from egotap_pl.core.skeleton import Skeleton, egocap, unrealego
from egotap_pl.nn.propagation import (
    AlterPropagation,
    ConcatPropagation,
    LstmPropagation,
    PuPropagation,
    RfPropagation,
    TreeScan,
)

DIM, STATE = 6, 5
# A tree in which children precede parents, the joints of a level are scattered, the root has two children, and a level
# has as many joints as the one above, but not a child of each.
TANGLED = Skeleton("tangled", tuple("abcdefghij"), (0, 3, 7, 0, 6, 3, 0, 1, 5, 1), estimates_root=False)
SKELETONS = [unrealego(), egocap(), unrealego().chain(), TANGLED]
RECURRENT = [LstmPropagation, AlterPropagation, ConcatPropagation, PuPropagation]
close = torch.testing.assert_close


@pytest.fixture(params=SKELETONS, ids=lambda s: s.name)
def tree(request) -> Skeleton:
    return request.param


def random_features(skeleton: Skeleton, batch: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(batch, skeleton.num_heatmap_joints, DIM), torch.randn(batch, skeleton.num_heatmap_joints, DIM)


def walk(skeleton: Skeleton, step, batch: int, num_layers: int = 2) -> torch.Tensor:
    """The recursion of paper eq. 7-9, joint by joint: step(index of the joint's feature, parent's states) -> states."""
    zeros = [(torch.zeros(batch, STATE), torch.zeros(batch, STATE)) for _ in range(num_layers)]

    def states(joint: int):
        return zeros if joint == 0 else step(joint - 1, states(skeleton.parents[joint]))

    return torch.stack([states(joint)[-1][0] for joint in range(1, skeleton.num_joints)], 1)


def lstm_step(cells, inputs, parent):
    """One step of all layers of an LSTM."""
    states = []
    for cell, state in zip(cells, parent, strict=True):
        hidden, memory = cell(inputs, state)
        states.append((hidden, memory))
        inputs = hidden
    return states


def test_a_scan_can_sum_along_the_path_from_the_root(tree):
    values = torch.randn(2, tree.num_heatmap_joints, 1)

    def add(inputs, state):
        return (inputs[0] + state[0],), (inputs[0] + state[0],)

    (sums,) = TreeScan(tree)(add, (values,), (1,))
    for joint in range(1, tree.num_joints):
        path = [j - 1 for j in tree.path(joint) if j]
        close(sums[:, joint - 1], values[:, path].sum(1))


def test_lstm_is_lstm_cells_joint_by_joint(tree):
    joint, _ = random_features(tree)
    net = LstmPropagation(tree, DIM, state_dim=STATE)
    close(net(joint, None), walk(tree, lambda j, up: lstm_step(net.lstm.cells, joint[:, j], up), 3))


def test_concat_is_lstm_cells_joint_by_joint(tree):
    joint, limb = random_features(tree)
    both = torch.cat((joint, limb), -1)
    net = ConcatPropagation(tree, DIM, state_dim=STATE)
    close(net(joint, limb), walk(tree, lambda j, up: lstm_step(net.lstm.cells, both[:, j], up), 3))


def test_alter_is_two_lstm_steps_joint_by_joint(tree):
    joint, limb = random_features(tree)
    net = AlterPropagation(tree, DIM, state_dim=STATE)

    def step(j, up):
        return lstm_step(net.cells, joint[:, j], lstm_step(net.cells, limb[:, j], up))

    close(net(joint, limb), walk(tree, step, 3))


def test_pu_is_the_papers_equations_joint_by_joint(tree):
    joint, limb = random_features(tree)
    net = PuPropagation(tree, DIM, state_dim=STATE)
    for parameter in net.parameters():  # biases start at zero, which would hide a missing one
        nn.init.normal_(parameter, std=0.5)
    first, second = net.layers
    sigmoid = torch.sigmoid

    def unit(layer, inputs, limb_j, state):
        hidden, memory = state
        forget_weight, forget_bias = layer.to_forget.weight, layer.to_forget.bias
        f1 = sigmoid(inputs @ forget_weight[:STATE].T + forget_bias[:STATE])  # eq. 10
        gates = layer.input_to_gates(inputs) + layer.hidden_to_gates(f1 * hidden)  # eq. 12
        if limb_j is not None:
            f2 = sigmoid(inputs @ forget_weight[STATE:].T + forget_bias[STATE:])  # eq. 11
            gates = gates + layer.limb_to_gates(f2 * limb_j)  # eq. 13
        forget, write, candidate, out = gates.split(STATE, -1)
        memory = sigmoid(forget) * memory + sigmoid(write) * torch.tanh(candidate)
        return sigmoid(out) * torch.tanh(memory), memory

    def step(j, up):
        below = unit(first, joint[:, j], limb[:, j], up[0])
        return [below, unit(second, below[0], None, up[1])]

    close(net(joint, limb), walk(tree, step, 3))


@pytest.mark.parametrize("make", [LstmPropagation, ConcatPropagation])
def test_on_a_chain_it_is_the_lstm_of_torch(make):
    chain = egocap().chain()
    joint, limb = random_features(chain)
    net = make(chain, DIM, state_dim=STATE)
    inputs = joint if make is LstmPropagation else torch.cat((joint, limb), -1)
    lstm = nn.LSTM(inputs.shape[-1], STATE, num_layers=2, batch_first=True)
    for k, cell in enumerate(net.lstm.cells):
        lstm.load_state_dict({f"{name}_l{k}": tensor for name, tensor in cell.state_dict().items()}, strict=False)
    close(net(joint, None if make is LstmPropagation else limb), lstm(inputs)[0])


@pytest.mark.parametrize("make", RECURRENT)
def test_a_joint_moves_its_subtree_and_nothing_else(make, tree):
    joint, limb = random_features(tree, 1)
    net = make(tree, DIM, state_dim=STATE)
    limb_input = limb if net.uses_limbs else None
    before = net(joint, limb_input)
    for moved in range(1, tree.num_joints):
        changed = joint.clone()
        changed[:, moved - 1] += 1
        differs = (net(changed, limb_input) != before).any(-1)[0]
        assert {j + 1 for j in differs.nonzero().flatten().tolist()} == set(tree.subtree(moved))


def set_gates(unit, hidden: float, limb: float) -> None:
    """Fixes f' and f'' at 0 or 1 for any input."""
    nn.init.zeros_(unit.to_forget.weight)
    values = torch.tensor([hidden] * unit.state_dim + [limb] * unit.limb_dim)
    unit.to_forget.bias.data = (values - 0.5) * 200


def as_lstm_cell(unit, with_hidden: bool) -> nn.LSTMCell:
    """torch's LSTMCell (gates: input, forget, cell, output) with the unit's weights (forget, input, cell, output)."""
    order = torch.arange(4 * STATE).view(4, STATE)[[1, 0, 2, 3]].flatten()
    linears = [unit.input_to_gates] + ([unit.limb_to_gates] if unit.limb_dim else [])
    weight = torch.cat([linear.weight for linear in linears], 1)
    bias = sum(linear.bias for linear in linears)
    cell = nn.LSTMCell(weight.shape[1], STATE)
    cell.weight_ih.data, cell.bias_ih.data = weight[order], bias[order]
    cell.weight_hh.data, cell.bias_hh.data = unit.hidden_to_gates.weight[order], unit.hidden_to_gates.bias[order]
    if not with_hidden:
        nn.init.zeros_(cell.weight_hh)
    return cell


@pytest.mark.parametrize("hidden", [0.0, 1.0])
@pytest.mark.parametrize("relational", [0.0, 1.0])
def test_pu_with_open_or_closed_gates_is_an_lstm(hidden, relational, tree):
    """An LSTM on [joint, relational]; gates at 0 remove the relational feature, or the parent's hidden state."""
    joint, limb = random_features(tree)
    net = PuPropagation(tree, DIM, state_dim=STATE)
    units: Any = net.layers
    for unit in units:
        for linear in (unit.input_to_gates, unit.limb_to_gates, unit.hidden_to_gates):
            if linear is not None:
                nn.init.normal_(linear.bias)
        set_gates(unit, hidden, relational)
    cells = [as_lstm_cell(unit, with_hidden=bool(hidden)) for unit in net.layers]
    both = torch.cat((joint, relational * limb), -1)
    close(net(joint, limb), walk(tree, lambda j, up: lstm_step(cells, both[:, j], up), 3))


def test_rf_is_a_concatenation():
    joint, limb = random_features(egocap())
    out = RfPropagation(egocap(), DIM)(joint, limb)
    assert torch.equal(out[..., :DIM], joint)
    assert torch.equal(out[..., DIM:], limb)


@pytest.mark.parametrize("name", PROPAGATIONS)
def test_out_dim_is_the_width_of_the_output(name):
    joint, limb = random_features(egocap())
    net = PROPAGATIONS[name](egocap(), DIM)
    assert net(joint, limb if net.uses_limbs else None).shape[-1] == net.out_dim


@pytest.mark.parametrize("make", RECURRENT)
def test_by_default_a_propagated_feature_is_as_wide_as_a_joint_feature(make):
    assert make(egocap(), 256).out_dim == 256


@pytest.mark.parametrize("make", RECURRENT)
def test_half_precision_is_close_to_full(make):
    joint, limb = random_features(unrealego())
    net = make(unrealego(), DIM)
    limb_input = limb if net.uses_limbs else None
    with torch.autocast("cpu", torch.bfloat16):
        half = net(joint, limb_input)
    close(half.float(), net(joint, limb_input), atol=0.05, rtol=0.05)

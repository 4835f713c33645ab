from __future__ import annotations

import torch
from torch import nn

from egotap_pl.nn.frozen import Frozen


def test_a_frozen_network_does_not_change_while_the_rest_trains():
    frozen = Frozen(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout()))
    model = nn.Sequential(frozen, nn.Linear(4, 1))
    before = {name: tensor.clone() for name, tensor in frozen.state_dict().items()}
    inputs = torch.randn(8, 3)
    expected = frozen(inputs)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, weight_decay=0.5)
    for mode in (True, False, True):
        model.train(mode)
        assert model[1].training is mode
        model(inputs).sum().backward()
        optimizer.step()
        assert not any(module.training for module in frozen.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in frozen.state_dict().items())
    torch.testing.assert_close(frozen(inputs), expected)


def test_its_output_has_no_gradients():
    frozen = Frozen(nn.Linear(3, 4))
    assert not frozen(torch.randn(2, 3, requires_grad=True)).requires_grad
    assert [p for p in frozen.parameters() if p.requires_grad] == []

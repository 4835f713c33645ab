from __future__ import annotations

from typing import Any

import pytest
import torch

from egotap_pl.core.skeleton import egocap, unrealego
from egotap_pl.nn.heads import FeatureDims, MlpHead, PerJointHead

DIMS = FeatureDims(joint=2, propagated=3, vector=5)
close = torch.testing.assert_close


def features(skeleton):
    n = skeleton.num_heatmap_joints
    return torch.randn(4, n, DIMS.joint), torch.randn(4, n, DIMS.propagated)


def test_egocap_joints_share_a_linear_layer():
    head = PerJointHead(egocap(), DIMS)
    joint, propagated = features(egocap())
    pose = head(joint, propagated)
    assert head.to_global is None
    for j in range(17):
        close(pose[:, j], head.to_position(torch.cat((joint[:, j], propagated[:, j]), 1)))


@pytest.mark.parametrize("global_reads_joint", [True, False])
def test_unrealego_adds_an_offset_and_the_root(global_reads_joint):
    head: Any = PerJointHead(unrealego(), DIMS, global_reads_joint=global_reads_joint)
    joint, propagated = features(unrealego())
    pose = head(joint, propagated)
    both = torch.cat((joint, propagated), -1)
    out = head.to_global((both if global_reads_joint else propagated).reshape(4, -1))
    assert head.to_global.in_features == 15 * (5 if global_reads_joint else 3)
    close(pose[:, 0], out[:, 3:])
    for j in range(1, 16):
        close(pose[:, j], head.to_position(both[:, j - 1]) + out[:, :3])


def test_rows_reorder_the_pose():
    """The release's rows on UnrealEgo: every joint is one row too early, and the head is last."""
    aligned = PerJointHead(unrealego(), DIMS)
    shifted = PerJointHead(unrealego(), DIMS, rows=range(15))
    shifted.load_state_dict(aligned.state_dict(), strict=True)
    inputs = features(unrealego())
    close(shifted(*inputs), aligned(*inputs).roll(-1, 1))


@pytest.mark.parametrize("rows", [range(14), [0] * 15, range(2, 17)])
def test_rows_that_do_not_fit_are_refused(rows):
    with pytest.raises(ValueError, match="head rows"):
        PerJointHead(unrealego(), DIMS, rows=rows)


def test_mlp_head_estimates_all_joints():
    for skeleton in (unrealego(), egocap()):
        assert MlpHead(skeleton, DIMS, hidden_dims=(6,))(torch.randn(4, 5)).shape == (4, len(skeleton.estimated), 3)

"""The public code of EgoPoseFormer, run from a checkout; tests that need it are skipped where there is none.

The environment variable EGOTAP_EGOPOSEFORMER names the checkout (github ChenhongyiYang/egoposeformer). Nothing of it is
copied anywhere. Two of its packages are stood in for: mmcv, whose attention is a CUDA extension, by SciPy's
interpolation; torchvision's ResNet-18 by ours, which has the same layers in the same order, but may be narrower.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from egoposeformer_by_hand import interpolated_attention
from torch import Tensor, nn

from egotap_pl.nn.resnet import ResNet18

CHECKOUT = os.environ.get("EGOTAP_EGOPOSEFORMER")


def release_network(
    monkeypatch: pytest.MonkeyPatch, *, backbone: int, width: int, hidden: int, image_px: int, joints: int = 16
) -> nn.Module:
    """The release's network with random weights, in evaluation mode.

    Args:
        monkeypatch: undoes the imports.
        backbone: channels of the ResNet's stem.
        width: width of a view's features and of the queries.
        hidden: width of the first pose's hidden layers.
        image_px: side of the images.
        joints: number of joints.
    """
    if not CHECKOUT or not (Path(CHECKOUT) / "pose_estimation").is_dir():
        pytest.skip("needs a checkout of EgoPoseFormer's public code in EGOTAP_EGOPOSEFORMER")

    def attend(value: Tensor, shapes: Tensor, start: Tensor, places: Tensor, weights: Tensor, step: int) -> Tensor:
        height, width = shapes[0].tolist()
        return interpolated_attention(value.unflatten(1, (height, width)), places[:, :, :, 0], weights[:, :, :, 0])

    attention = ModuleType("mmcv.ops.multi_scale_deform_attn")
    attention.MultiScaleDeformableAttnFunction = SimpleNamespace(apply=attend)  # type: ignore[attr-defined]
    vision = ModuleType("torchvision")
    vision.models = SimpleNamespace(resnet18=lambda pretrained: ResNet18(backbone))  # type: ignore[attr-defined]
    stubs: dict[str, Any] = {"mmcv": ModuleType("mmcv"), "mmcv.ops": ModuleType("mmcv.ops")}
    stubs |= {"mmcv.ops.multi_scale_deform_attn": attention, "torchvision": vision}
    for name, module in stubs.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.syspath_prepend(CHECKOUT)
    from pose_estimation.models.estimator.egoposeformer import EgoPoseFormer as Release

    for name in [name for name in sys.modules if name.partition(".")[0] == "pose_estimation"]:
        del sys.modules[name]  # imported anew for another width
    network: nn.Module = Release(
        input_dims=width,
        embed_dims=width,
        encoder_cfg={
            "resnet_cfg": {"model_name": "resnet18", "out_stride": 4, "use_imagenet_pretrain": False},
            "neck_cfg": {"in_channels": [backbone * 2**k for k in range(4)], "out_channels": width},
        },
        mlp_dims=hidden,
        mlp_dropout=0.0,
        num_mlp_layers=2,
        transformer_cfg={
            "cross_attn_cfg": {"num_heads": 4, "batch_first": True},
            "spatial_attn_cfg": {"num_heads": 4, "batch_first": True},
            "ffn_cfg": {"feedforward_dims": 4 * width, "num_fcs": 2, "ffn_drop": 0.0},
        },
        num_former_layers=3,
        num_pred_mlp_layers=2,
        image_size=(image_px, image_px),
        camera_model="unrealego",
        feat_down_stride=4,
        coor_norm_max=None,
        coor_norm_min=None,
        num_joints=joints,
    )
    return network.eval()

"""Transformers of torch's own layers, to compare encoders with."""

from __future__ import annotations

from typing import Any

from torch import nn


def torch_transformer(encoder: Any) -> nn.Module:
    """torch's own pre-norm encoder of width 16, with two heads and the encoder's weights."""
    *blocks, norm = encoder.transformer
    layers = []
    for block in blocks:
        layer = nn.TransformerEncoderLayer(
            16, 2, 32, dropout=0.0, activation="gelu", layer_norm_eps=1e-12, batch_first=True, norm_first=True
        )
        layer.self_attn.in_proj_weight, layer.self_attn.in_proj_bias = block.qkv.weight, block.qkv.bias
        layer.self_attn.out_proj = block.attention_out
        layer.linear1, layer.linear2 = block.mlp[0], block.mlp[2]
        layer.norm1, layer.norm2 = block.attention_norm, block.mlp_norm
        layers.append(layer)
    return nn.Sequential(*layers, norm)


def randomise(encoder: nn.Module) -> Any:
    """The encoder with random weights, in evaluation mode."""
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.3)
    return encoder.eval()

"""Building blocks that several networks share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def init_kaiming(module: nn.Module) -> None:
    """Kaiming-normal (fan-in) weights and zero biases in every Linear and convolution below ``module``.

    Other layers keep what they have; in particular recurrent cells stay at their default, as in the release.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def fc_block(in_dim: int, out_dim: int) -> nn.Sequential:
    """Linear, batch normalisation, LeakyReLU(0.2): the fully connected layer of all encoders (release)."""
    return nn.Sequential(nn.Linear(in_dim, out_dim), nn.BatchNorm1d(out_dim), nn.LeakyReLU(0.2, inplace=True))


def fc_stack(dims: Sequence[int]) -> nn.Sequential:
    """`fc_block` after `fc_block`, from ``dims[0]`` through to ``dims[-1]``."""
    return nn.Sequential(*(fc_block(a, b) for a, b in pairwise(dims)))


def conv_relu(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    """Convolution that keeps the size, and ReLU: the layer of all U-Net decoders (release)."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)
    return nn.Sequential(conv, nn.ReLU(inplace=True))


def down_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """4x4 convolution of stride 2, batch normalisation, LeakyReLU(0.2): halves a map (UnrealEgo's encoder)."""
    conv = nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.LeakyReLU(0.2, inplace=True))


def up_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """`down_block`'s counterpart with a transposed convolution: doubles a map (UnrealEgo's decoder)."""
    conv = nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.LeakyReLU(0.2, inplace=True))


class TransformerBlock(nn.Module):
    """Pre-norm self-attention and MLP with GELU, as in ViT (paper 3.2; LayerNorm eps from the release)."""

    def __init__(self, width: int, heads: int, mlp_width: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a transformer of width {width} cannot be split over {heads} heads")
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width, eps=1e-12)
        self.qkv = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width, eps=1e-12)
        self.mlp = nn.Sequential(nn.Linear(width, mlp_width), nn.GELU(), nn.Linear(mlp_width, width))

    def forward(self, tokens: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """Every token attends to all tokens."""
        qkv = self.qkv(self.attention_norm(tokens)).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.attention_out(attended.transpose(1, 2).flatten(2))
        return tokens + self.mlp(self.mlp_norm(tokens))


class Transformer(nn.Sequential):
    """Transformer blocks and a last LayerNorm."""

    def __init__(self, width: int, depth: int, heads: int, mlp_width: int) -> None:
        super().__init__(
            *(TransformerBlock(width, heads, mlp_width) for _ in range(depth)), nn.LayerNorm(width, eps=1e-12)
        )

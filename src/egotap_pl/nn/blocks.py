"""Building blocks shared by several networks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.nn.recomputing import Recomputing


def init_kaiming(module: nn.Module) -> None:
    """Initialises every linear layer and convolution in ``module`` with Kaiming-normal weights and zero biases.

    Other layers are unchanged; recurrent cells in particular keep PyTorch's initialisation, as in the release.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def fc_block(in_dim: int, out_dim: int) -> nn.Sequential:
    """Linear layer, batch normalisation and LeakyReLU(0.2): the fully connected layer of all encoders (release)."""
    return nn.Sequential(nn.Linear(in_dim, out_dim), nn.BatchNorm1d(out_dim), nn.LeakyReLU(0.2, inplace=True))


def fc_stack(dims: Sequence[int]) -> nn.Sequential:
    """A sequence of `fc_block`s with the widths ``dims``, input and output included."""
    return nn.Sequential(*(fc_block(a, b) for a, b in pairwise(dims)))


def conv_relu(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    """Convolution that keeps the size, and ReLU: the layer of all U-Net decoders (release).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: side of the kernel, an odd number of pixels.
    """
    conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)
    return nn.Sequential(conv, nn.ReLU(inplace=True))


def step_up(step: nn.Module, below: Float[Tensor, "b c h w"], skip: Float[Tensor, "b s h2 w2"]) -> Tensor:
    """A step of a U-Net's decoder: features of twice the size.

    Args:
        step: layers that read both inputs, one after the other in the channels.
        below: features of the decoder.
        skip: features of the encoder, of twice the size.
    """
    larger = F.interpolate(below, scale_factor=2, mode="bilinear", align_corners=True)
    features: Tensor = step(torch.cat((larger, skip), 1))
    return features


def down_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """4x4 convolution of stride 2, batch normalisation and LeakyReLU(0.2): halves the size (UnrealEgo's encoder)."""
    conv = nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.LeakyReLU(0.2, inplace=True))


def up_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """Counterpart of `down_block` with a transposed convolution: doubles the size (UnrealEgo's decoder)."""
    conv = nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.LeakyReLU(0.2, inplace=True))


class TransformerBlock(nn.Module):
    """Pre-norm self-attention and MLP with GELU, as in ViT (paper 3.2; LayerNorm eps from the release).

    Args:
        width: width of a token.
        heads: attention heads.
        mlp_width: hidden width of the MLP.

    Raises:
        ValueError: if the width is not a multiple of the number of heads.
    """

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

    def forward(self, tokens: Float[Tensor, "b t d"], causal: bool = False) -> Float[Tensor, "b t d"]:
        """Tokens after each has attended to all; ``causal``: to itself and those before it."""
        qkv = self.qkv(self.attention_norm(tokens)).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        tokens = tokens + self.attention_out(attended.transpose(1, 2).flatten(2))
        return tokens + self.mlp(self.mlp_norm(tokens))


class Transformer(Recomputing, nn.Sequential):
    """Transformer blocks and a final LayerNorm.

    Args:
        width: width of a token.
        depth: number of blocks.
        heads: attention heads.
        mlp_width: hidden width of the MLPs.
    """

    def __init__(self, width: int, depth: int, heads: int, mlp_width: int) -> None:
        super().__init__(
            *(TransformerBlock(width, heads, mlp_width) for _ in range(depth)), nn.LayerNorm(width, eps=1e-12)
        )

    def forward(self, tokens: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """Tokens after all blocks."""
        for layer in self:
            tokens = self.run(layer, tokens)
        return tokens

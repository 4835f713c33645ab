"""Recorded attention against the layers' own output, and shares by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from egotap_pl.analysis.attention_shares import (
    TokenGrid,
    attention_between,
    attention_shares,
    joint_attention,
    recorded_attention,
)
from egotap_pl.core.skeleton import Skeleton, unrealego
from egotap_pl.nn.blocks import Transformer
from egotap_pl.nn.encoders import GridViTEncoder
from egotap_pl.nn.encoders.release_grid_vit import ReleaseGridViTEncoder

SKELETON = Skeleton("four", ("root", "a", "b", "c"), (0, 0, 1, 2), estimates_root=True)


def test_recorded_weights_give_the_layers_own_output() -> None:
    torch.manual_seed(0)
    transformer = Transformer(width=16, depth=3, heads=4, mlp_width=32).eval()
    tokens = torch.randn(2, 7, 16)
    attended: list[torch.Tensor] = []
    values: list[torch.Tensor] = []
    for block in list(transformer)[:3]:
        block.attention_out.register_forward_pre_hook(lambda _, inputs: attended.append(inputs[0]))
        block.qkv.register_forward_hook(lambda _, __, qkv: values.append(qkv[..., 32:]))
    plain = transformer(tokens)
    attended.clear()
    values.clear()
    with recorded_attention(transformer) as weights:
        watched = transformer(tokens)
    assert torch.equal(plain, watched)  # watching changes nothing
    assert [w.shape for w in weights] == [(2, 4, 7, 7)] * 3
    for weight, value, own in zip(weights, values, attended, strict=True):
        torch.testing.assert_close(weight.sum(-1), torch.ones(2, 4, 7))
        again = weight @ value.unflatten(-1, (4, 4)).transpose(1, 2)
        torch.testing.assert_close(again.transpose(1, 2).flatten(2), own)


def test_nothing_is_recorded_afterwards() -> None:
    transformer = Transformer(width=8, depth=1, heads=2, mlp_width=8)
    with recorded_attention(transformer) as weights:
        transformer(torch.zeros(1, 3, 8))
    before = weights[0]
    transformer(torch.ones(1, 3, 8))
    assert weights[0] is before
    assert not transformer[0].qkv._forward_hooks


def one_way(tokens: TokenGrid, goal: tuple[int, int], extra: int = 0) -> torch.Tensor:
    """Attention of one head with which every token attends evenly to the tokens of one heatmap (view, joint)."""
    index = torch.arange(tokens.num_tokens).reshape(tokens.shape)[goal].flatten()
    weights = torch.zeros(1, 1, tokens.num_tokens + extra, tokens.num_tokens + extra)
    weights[..., index] = 1 / len(index)
    return weights


def test_attention_goes_where_the_weights_say() -> None:
    tokens = TokenGrid(2, 3, 2)
    attended = joint_attention(one_way(tokens, (1, 2), extra=4), tokens, 0)
    assert attended.shape == (1, 2, 3, 2, 2)
    assert attended[0, 1, 2].sum() == pytest.approx(1)
    assert attended.sum() == pytest.approx(1)
    between = attention_between(one_way(tokens, (1, 2)), tokens)
    np.testing.assert_allclose(between[:, :, 1, 2], 1)
    assert between.sum() == pytest.approx(6)


def test_shares_by_hand() -> None:
    tokens = TokenGrid(2, 3, 2)  # joints a, b, c of which b hangs off a and c off b
    shares = attention_shares(
        attention_between(one_way(tokens, (0, 1)), tokens), SKELETON
    )  # all look at b in the left view
    assert shares.itself == pytest.approx(1 / 6)  # b's own, left view
    assert shares.other_view == pytest.approx(1 / 6)  # b's own, right view
    assert shares.parent == pytest.approx(1 / 3)  # c looks at its parent
    assert shares.children == pytest.approx(1 / 3)  # a looks at its child


def test_shares_of_any_attention_are_those_counted_one_by_one() -> None:
    between = np.random.default_rng(0).random((2, 3, 2, 3))
    heatmaps = [(view, joint) for view in range(2) for joint in range(3)]
    a, b, c = range(3)

    def paid(pairs: set[tuple[int, int]], other_view: bool | None = None) -> float:
        every = [
            between[(*payer, *goal)]
            for payer in heatmaps
            for goal in heatmaps
            if (payer[1], goal[1]) in pairs and other_view in (None, payer[0] != goal[0])
        ]
        return sum(every) / len(heatmaps)

    itself = {(a, a), (b, b), (c, c)}
    expected = (paid(itself, False), paid(itself, True), paid({(b, a), (c, b)}), paid({(a, b), (b, c)}))
    assert attention_shares(between, SKELETON) == pytest.approx(expected)


@pytest.mark.parametrize("encoder", [GridViTEncoder, ReleaseGridViTEncoder])
def test_tokens_are_in_the_order_of_the_encoder(encoder) -> None:
    """Another heatmap changes the attention to its own patches; all others keep their ratios."""
    torch.manual_seed(0)
    skeleton = unrealego()
    model = encoder(skeleton, 8, 8, patches_per_side=2, width=8, depth=1, heads=1, mlp_width=8, hidden_dims=(8,)).eval()
    tokens = TokenGrid(2, skeleton.num_heatmap_joints, 2)
    maps = torch.rand(1, 2, 15, 8, 8)
    changed = maps.clone()
    changed[0, 1, 6] = 3 * torch.rand(8, 8)
    paid = []
    for heatmaps in (maps, changed):
        with torch.no_grad(), recorded_attention(model) as weights:
            model(heatmaps)
        paid.append(weights[0][0, 0, 0, : tokens.num_tokens].reshape(tokens.shape))
    ratio = paid[1] / paid[0]
    same = torch.ones(tokens.shape, dtype=torch.bool)
    same[1, 6] = False
    torch.testing.assert_close(ratio[same], ratio[0, 0, 0, 0].expand(int(same.sum())), rtol=1e-4, atol=0)
    assert ((ratio[1, 6] / ratio[0, 0, 0, 0] - 1).abs() > 0.01).all()

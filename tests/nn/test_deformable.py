"""Deformable attention against SciPy's interpolation, one query, head and point at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from egotap_pl.nn.image_lifters import DeformableAttention

WIDTH, HEADS, POINTS = 8, 2, 3


def settled() -> DeformableAttention:
    """With weights that all affect the result; initially offsets do not depend on the query."""
    torch.manual_seed(0)
    attention = DeformableAttention(WIDTH, HEADS, POINTS)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.normal_(std=0.4)
    return attention


def by_hand(attention: DeformableAttention, query: np.ndarray, features: np.ndarray, reference: np.ndarray):
    """What one query (d) reads of features (d, h, w) around (u, v), as shares of the map."""
    weights = {name: value.detach().double().numpy() for name, value in attention.state_dict().items()}
    offsets = (weights["to_offsets.weight"] @ query + weights["to_offsets.bias"]).reshape(HEADS, POINTS, 2)
    scores = (weights["to_weights.weight"] @ query + weights["to_weights.bias"]).reshape(HEADS, POINTS)
    values = np.einsum("od,dhw->ohw", weights["to_value.weight"][..., 0, 0], features)
    values += weights["to_value.bias"][:, None, None]
    _, height, width = features.shape
    read = np.zeros(WIDTH)
    for head in range(HEADS):
        shares = np.exp(scores[head]) / np.exp(scores[head]).sum()
        for point in range(POINTS):
            # Pixel 0 reaches from 0 to 1, so that its centre is at 0.5.
            column = reference[0] * width + offsets[head, point, 0] - 0.5
            row = reference[1] * height + offsets[head, point, 1] - 0.5
            for channel in range(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS):
                at = [[row], [column]]
                (value,) = map_coordinates(values[channel], at, order=1, mode="grid-constant", cval=0.0)
                read[channel] += shares[point] * value
    return weights["out.weight"] @ read + weights["out.bias"]


def test_each_query_reads_interpolated_features_around_its_reference() -> None:
    attention = settled()
    query, features = torch.randn(2, 5, WIDTH), torch.randn(2, WIDTH, 6, 9)
    reference = torch.rand(2, 5, 2)
    reference[0, 0] = torch.tensor([0.0, 1.0])  # the corner of the map: half of what is read is outside
    reference[0, 1] = torch.tensor([1.7, -0.4])
    found = attention(query, features, reference).detach()
    for n in range(2):
        for joint in range(5):
            expected = by_hand(
                attention, *(x.double().numpy() for x in (query[n, joint], features[n], reference[n, joint]))
            )
            np.testing.assert_allclose(found[n, joint].numpy(), expected, rtol=1e-4, atol=1e-5)


def test_gradients_are_those_of_the_interpolation() -> None:
    attention = settled().double()
    query, features = torch.randn(1, 2, WIDTH).double(), torch.randn(1, WIDTH, 4, 5).double()
    reference = (0.2 + 0.6 * torch.rand(1, 2, 2)).double()
    inputs = tuple(x.requires_grad_() for x in (query, features, reference))
    assert torch.autograd.gradcheck(attention, inputs)


def test_features_that_move_with_the_reference_are_read_alike() -> None:
    """Equivariance: features shifted by whole pixels, and references by as many."""
    attention = settled()
    features = torch.zeros(1, WIDTH, 24, 24)
    features[:, :, 8:14, 8:14] = torch.randn(1, WIDTH, 6, 6)
    attention.to_value.bias.data.zero_()  # outside the map it would be missing
    query, reference = torch.randn(1, 3, WIDTH), 0.4 + 0.1 * torch.rand(1, 3, 2)
    moved = torch.roll(features, (2, -3), (2, 3))
    moved_reference = reference + torch.tensor([-3.0, 2.0]) / 24
    torch.testing.assert_close(
        attention(query, moved, moved_reference), attention(query, features, reference), rtol=1e-4, atol=1e-5
    )


def test_heads_start_by_looking_into_directions_of_their_own() -> None:
    attention = DeformableAttention(16, 4, 3)
    offsets = attention.to_offsets(torch.randn(1, 16)).unflatten(-1, (4, 3, 2))[0]
    directions = [(1, 0), (0, 1), (-1, 0), (0, -1)]
    for head, (u, v) in enumerate(directions):
        expected = torch.tensor([[k * u, k * v] for k in (1, 2, 3)], dtype=torch.float32)
        torch.testing.assert_close(offsets[head], expected, atol=1e-5, rtol=0)
    shares = attention.to_weights(torch.randn(1, 16)).unflatten(-1, (4, 3)).softmax(-1)
    torch.testing.assert_close(shares, torch.full_like(shares, 1 / 3))
    assert math.isclose(attention.to_value.weight.std().item(), math.sqrt(2 / 32), rel_tol=0.3)  # Xavier


def test_a_width_that_heads_cannot_share_is_refused() -> None:
    with pytest.raises(ValueError, match="width 10 cannot be split over 4 heads"):
        DeformableAttention(10, 4, 3)

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from release_sizes import VIT as RELEASE_VIT
from slow_transformer import randomise, torch_transformer
from tiny_lifter import HEATMAP_PX, JOINT_DIM, random_heatmaps
from torch.utils.flop_counter import FlopCounterMode

from egotap_pl.cli.configuration.composing import conf_dir
from egotap_pl.core.heatmap import joint_heatmaps
from egotap_pl.core.skeleton import unrealego
from egotap_pl.nn.encoders import GridViTEncoder, SparseGridViTEncoder
from egotap_pl.nn.encoders.patches import cut_patches
from egotap_pl.nn.encoders.sparse_grid_vit import heaviest

VIT: dict[str, Any] = {"patches_per_side": 4, "width": 16, "heads": 2, "mlp_width": 32, "hidden_dims": (24,)}
PATCH = HEATMAP_PX // 4
COMPILED = """
import torch
from egotap_pl.core.skeleton import unrealego
from egotap_pl.nn.encoders import SparseGridViTEncoder

def count(module, _):
    print("compiled")
    return module.forward

encoder = SparseGridViTEncoder(
    unrealego(), 16, 8, patches_per_side=4, patches=3, width=16, depth=1, heads=2, mlp_width=32, hidden_dims=(24,)
).eval()
compiled = torch.compile(encoder, backend=count, fullgraph=True)
full = torch.rand(2, 2, 15, 16, 16)
for heatmaps in (full, torch.zeros_like(full), full * (full > 0.99)):
    torch.testing.assert_close(compiled(heatmaps), encoder(heatmaps))
"""
close = torch.testing.assert_close


def make(skeleton, patches=3, depth=2) -> Any:
    return randomise(SparseGridViTEncoder(skeleton, HEATMAP_PX, JOINT_DIM, depth=depth, patches=patches, **VIT))


def corner(place: int) -> tuple[slice, slice]:
    """The pixels of a patch."""
    row, column = divmod(place, 4)
    return slice(row * PATCH, (row + 1) * PATCH), slice(column * PATCH, (column + 1) * PATCH)


def nearly_empty(skeleton, batch: int) -> torch.Tensor:
    """Heatmaps with signal in one to four patches; some are empty."""
    maps = torch.zeros(batch, 2, skeleton.num_heatmap_joints, HEATMAP_PX, HEATMAP_PX)
    for one in maps.flatten(0, 2)[::2]:
        u, v = torch.randint(0, HEATMAP_PX - 3, (2,)).tolist()
        one[v : v + 3, u : u + 3] = torch.rand(3, 3)
    return maps


def test_the_heaviest_are_those_of_a_stable_sort():
    masses = np.random.default_rng(0).integers(0, 4, (50, 9)).astype(np.float32)  # many are equal
    for number in (1, 4, 9):
        expected = np.sort(np.argsort(-masses, axis=1, kind="stable")[:, :number], axis=1)
        assert np.array_equal(heaviest(torch.from_numpy(masses), number).numpy(), expected)


@pytest.mark.parametrize("patches", [1, 3, 16])
@pytest.mark.parametrize("heatmaps", ["full", "nearly empty"])
def test_against_a_slow_implementation(patches, heatmaps, skeleton):
    """With all 16 patches, this is a dense transformer over all of them and a token of each heatmap."""
    encoder = make(skeleton, patches)
    maps = random_heatmaps(skeleton, 2)[0] if heatmaps == "full" else nearly_empty(skeleton, 2)
    features = torch.stack([slowly(encoder, frame, patches) for frame in maps])
    close(encoder(maps), features, atol=1e-4, rtol=1e-4)


def slowly(encoder: Any, maps: torch.Tensor, patches: int) -> torch.Tensor:
    """The features of a frame, token by token."""
    tokens = []
    for number, one in enumerate(maps.flatten(0, 1)):
        cut = [one[corner(place)].flatten() for place in range(16)]
        masses = torch.stack([patch.sum() for patch in cut])
        rows, columns = (torch.stack([line.sum() for line in lines]) for lines in (one, one.T))
        tokens.append(encoder.project_sums(torch.cat((rows, columns)) / PATCH**0.5) + encoder.map_positions[number])
        by_mass = sorted(range(16), key=lambda place: (-masses[place].item(), place))
        for place in sorted(by_mass[:patches]):
            tokens.append(encoder.project(cut[place]) + encoder.patch_positions[16 * number + place])
    of_maps = torch_transformer(encoder)(torch.stack(tokens)[None])[0].split(1 + patches)
    halves = encoder.reduce(torch.stack([own.flatten() for own in of_maps]))
    return torch.cat(halves.split(len(halves) // 2), 1)


def test_other_patches_are_known_by_sums_alone(skeleton):
    encoder = make(skeleton)
    maps = 0.1 * random_heatmaps(skeleton, 1)[0]
    for place in (0, 5, 6):
        maps[(..., *corner(place))] += 1
    same_sums = torch.zeros(PATCH, PATCH)
    same_sums[:2, :2] = torch.tensor([[0.1, -0.1], [-0.1, 0.1]])
    elsewhere, chosen, heavier = maps.clone(), maps.clone(), maps.clone()
    elsewhere[(..., *corner(9))] += same_sums
    chosen[(..., *corner(5))] += same_sums
    heavier[(..., *corner(9))] += 0.1
    close(encoder(elsewhere), encoder(maps))
    for changed in (chosen, heavier):
        assert not torch.allclose(encoder(changed), encoder(maps))


def test_negative_values_have_no_mass(skeleton):
    """A faint peak is chosen although another patch is lower on the whole than empty ones."""
    encoder = make(skeleton, patches=1)
    maps = torch.zeros(1, 2, skeleton.num_heatmap_joints, HEATMAP_PX, HEATMAP_PX)
    maps[..., 0, 0] = -1.0
    maps[..., 0, 1] = 0.2  # the mass of patch 0, whose sum is negative
    features = encoder(maps)
    maps[..., 4, 4] = 0.1  # of patch 5, which is lighter
    swapped = maps.clone()
    swapped[..., 5:7, 5:7] = torch.tensor([[0.01, -0.01], [-0.01, 0.01]])
    close(encoder(swapped), encoder(maps))
    assert not torch.allclose(encoder(maps), features)


def test_frames_do_not_depend_on_their_batch(skeleton):
    encoder = make(skeleton)
    maps = nearly_empty(skeleton, 3)
    close(encoder(maps)[1:2], encoder(maps[1:2]))


def test_empty_heatmaps_give_finite_features_and_gradients(skeleton):
    encoder = make(skeleton).train()
    maps = torch.zeros(3, 2, skeleton.num_heatmap_joints, HEATMAP_PX, HEATMAP_PX, requires_grad=True)
    features = encoder(maps)
    features.square().sum().backward()
    assert features.isfinite().all()
    gradients = [maps.grad, *(parameter.grad for parameter in encoder.parameters())]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


def test_gradients_of_other_patches_are_those_of_sums(skeleton):
    """A pixel of a row's and a column's sum has the sum of their gradients, and one of a chosen patch has its own."""
    encoder = make(skeleton, patches=2)
    maps = 0.1 * random_heatmaps(skeleton, 1)[0]
    for place in (3, 12):
        maps[(..., *corner(place))] += 1
    maps.requires_grad_(True)
    encoder(maps).square().sum().backward()
    for place in range(16):
        gradient = maps.grad[(..., *corner(place))]
        mixed = gradient.diff(dim=-1).diff(dim=-2).abs().amax((-1, -2))
        size = gradient.abs().mean((-1, -2))
        assert (mixed > 1e-2 * size).all() if place in (3, 12) else (mixed < 1e-4 * size).all()


def test_attention_reaches_every_joint(skeleton):
    encoder = make(skeleton, depth=1)
    maps, _ = random_heatmaps(skeleton, 1)
    changed = maps.clone()
    changed[:, 0, 0] += 1
    assert (encoder(changed) != encoder(maps)).any(2).all()


def test_a_third_of_the_arithmetic_and_a_tenth_of_the_attention():
    """At scale=paper: the products of queries, keys and values, and the whole encoder."""
    shares = []
    with torch.device("meta"):
        maps = torch.empty(1, 2, 15, 64, 64)
        for encoder in (
            SparseGridViTEncoder(unrealego(), 64, 256, patches=4, **RELEASE_VIT),
            GridViTEncoder(unrealego(), 64, 256, **RELEASE_VIT),
        ):
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                encoder.eval()(maps)
            counts = counter.get_flop_counts()["Global"]
            shares.append((counter.get_total_flops(), sum(n for op, n in counts.items() if "bmm" in str(op))))
    (all_sparse, attention_sparse), (all_full, attention_full) = shares
    assert 0 < attention_sparse == attention_full * (150 / 480) ** 2
    assert all_sparse <= all_full / 3


@pytest.mark.parametrize("scale", ["paper", "tiny"])
def test_the_configured_number_of_patches_holds_all_of_a_true_heatmap(scale):
    configured = yaml.safe_load((conf_dir() / "lifter" / "encoder" / "sparse_grid_vit.yaml").read_text())
    px = yaml.safe_load((conf_dir() / "scale" / f"{scale}.yaml").read_text())["heatmap_px"]
    points = torch.rand(200, 2, unrealego().num_joints, 2) * 1024
    patches = cut_patches(joint_heatmaps(points, unrealego(), px), px // configured["patches_per_side"])
    filled = (patches != 0).any(-1).sum(-1)
    assert filled.max() == configured["patches"]


@pytest.mark.slow
def test_compiled_once_whatever_the_heatmaps_hold():
    """In a process of its own: torch.compile cannot follow functions whose shapes are checked as they run."""
    process = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stderr
    assert process.stdout.split() == ["compiled"]


@pytest.mark.parametrize("patches", [0, 17])
def test_impossible_numbers_of_patches_are_refused(patches, skeleton):
    with pytest.raises(ValueError, match=f"patches={patches}: a heatmap has 16"):
        make(skeleton, patches)

"""ONNX files give the same output as PyTorch, for any batch and any lifter."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_lifter import ENCODERS, HEATMAP_PX, JOINT_DIM, make_lifter, random_heatmaps
from torch import nn

from egotap_pl.core.camera import KannalaBrandtCamera, PolynomialCamera
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.interop.onnx import CHECKED_BATCHES, TOLERANCE, write_onnx

onnxruntime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

# A tree whose levels are out of order, with a fork and a joint without children at every level.
SMALL = Skeleton("small", ("root", "a", "b", "c", "d", "e"), (0, 0, 0, 2, 1, 2), estimates_root=True)
CAMERAS = (
    PolynomialCamera.unrealego(),
    KannalaBrandtCamera((1024, 1024), (512.0, 510.0), 500.0, (330.0, 330.0), (0.01, -2e-3, 1e-9, 1e-5)),
)
CHAIN = SMALL.chain().parents


class Double(nn.Module):
    """A network whose output is easily computed by hand."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x + x.shape[0]


def random_inputs(batch: int) -> dict[str, torch.Tensor]:
    return {"x": torch.rand(batch, 3) + 1}


def answer(path: Path, **inputs: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, inputs)
    return output


def test_names_metadata_and_free_batch(tmp_path):
    path = tmp_path / "new" / "double.onnx"
    difference = write_onnx(Double(), random_inputs, "doubled", path, {"unit": "cm", "joints": '["a"]'})
    assert difference is not None
    assert difference < TOLERANCE
    model = onnx.load(path)
    assert {entry.key: entry.value for entry in model.metadata_props} == {"unit": "cm", "joints": '["a"]'}
    for value in (*model.graph.input, *model.graph.output):
        axes = value.type.tensor_type.shape.dim
        assert (axes[0].dim_param, axes[1].dim_value) == ("batch", 3)
    for batch in (1, 4, 9):
        x = np.random.default_rng(batch).random((batch, 3), np.float32)
        np.testing.assert_allclose(answer(path, x=x), 2 * x + batch, rtol=1e-6)
    assert [file.name for file in path.parent.iterdir()] == ["double.onnx"]


def test_a_file_with_other_outputs_is_not_written(tmp_path):
    class Noise(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.rand_like(x)

    with pytest.raises(RuntimeError, match="differs") as error:
        write_onnx(Noise(), random_inputs, "y", tmp_path / "noise.onnx", {})
    assert isinstance(error.value, EgotapError)
    assert re.search(
        r"noise\.onnx: not written.*train it longer.*pip install -U onnxscript onnxruntime", str(error.value)
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_outputs_that_are_not_numbers_is_not_written(tmp_path):
    class NotForTheLast(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 0 * torch.log(x.new_ones(()) * abs(x.shape[0] - CHECKED_BATCHES[-1]))

    with pytest.raises(RuntimeError, match="differs"):
        write_onnx(NotForTheLast(), random_inputs, "y", tmp_path / "nan.onnx", {})
    assert list(tmp_path.iterdir()) == []


def test_cameras_are_projected_into_alike(tmp_path):
    """As lifters that see images do: pixels, and which of them are inside the view."""
    camera = PolynomialCamera.unrealego()

    class Pixels(nn.Module):
        def forward(self, points_cm: torch.Tensor) -> torch.Tensor:
            px, inside = camera.project(points_cm)
            return torch.where(inside[..., None], px, -1.0)

    path = tmp_path / "pixels.onnx"
    write_onnx(Pixels(), lambda batch: {"points_cm": 50 * torch.randn(batch, 6, 3)}, "px", path, {})
    points = np.array([[[0, 0, 9], [0, 0, -9], [0, 0, 0], [5, 0, 9], [-5, 4, 9], [0, 9, -3]]], np.float32)
    expected = Pixels()(torch.from_numpy(points)).numpy()
    np.testing.assert_allclose(answer(path, points_cm=points), expected, atol=1e-2)
    assert (expected[0, :, 0] >= 0).tolist() == [True, False, False, True, True, False]


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.model)
def test_pixels_become_the_same_rays(tmp_path, camera):
    """Also where coefficients are small: the exporter's optimiser takes those below 1e-8 for zero."""

    class Rays(nn.Module):
        def forward(self, px: torch.Tensor) -> torch.Tensor:
            return camera.unproject(px)[0]

    write_onnx(Rays(), lambda batch: {"px": torch.rand(batch, 6, 2) * 1024}, "rays", tmp_path / "rays.onnx", {}, 1e-5)


def test_missing_packages_are_named_with_the_command_that_installs_them(tmp_path, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxscript" else find_spec(name))
    with pytest.raises(EgotapError, match=r"onnxscript.*egotap-pl\[onnx\]"):
        write_onnx(Double(), random_inputs, "y", tmp_path / "double.onnx", {})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find_spec(name))
    assert write_onnx(Double(), random_inputs, "y", tmp_path / "double.onnx", {}) is None
    assert (tmp_path / "double.onnx").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(("propagation", "parents"), [("pu", None), ("alter", CHAIN), ("concat", None)])
def test_recurrent_propagations(propagation, parents, tmp_path):
    """A selection, since an export takes long: `lstm`, `rf` and `none` contain nothing that these lack."""
    torch.manual_seed(0)
    lifter = make_lifter(SMALL, propagation=propagation, propagation_parents=parents).eval()

    def maps(batch: int) -> dict[str, torch.Tensor]:
        return dict(zip(("joint_heatmaps", "limb_heatmaps"), random_heatmaps(SMALL, batch), strict=True))

    path = tmp_path / "lifter.onnx"
    write_onnx(lifter, maps, "pose_cm", path, {})
    inputs = maps(7)
    with torch.inference_mode():
        expected = lifter(*inputs.values()).numpy()
    output = answer(path, **{name: tensor.numpy() for name, tensor in inputs.items()})
    np.testing.assert_allclose(output, expected, atol=TOLERANCE * np.abs(expected).max())


@pytest.mark.slow
def test_patches_of_empty_heatmaps_are_chosen_alike(tmp_path):
    """Most patches of a nearly empty heatmap have the same mass, and every runtime must choose the same of them."""
    encoder = ENCODERS["sparse_grid_vit"](SMALL, HEATMAP_PX, JOINT_DIM).eval()

    def maps(batch: int) -> dict[str, torch.Tensor]:
        full, _ = random_heatmaps(SMALL, batch)
        return {"joint_heatmaps": full * (full > 0.99)}

    path = tmp_path / "encoder.onnx"
    write_onnx(encoder, maps, "features", path, {})
    for inputs in (maps(7), {"joint_heatmaps": torch.zeros_like(maps(3)["joint_heatmaps"])}):
        with torch.inference_mode():
            expected = encoder(*inputs.values()).numpy()
        output = answer(path, **{name: tensor.numpy() for name, tensor in inputs.items()})
        np.testing.assert_allclose(output, expected, atol=TOLERANCE * np.abs(expected).max())

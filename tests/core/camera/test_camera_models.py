"""What cameras of every model have in common; models are found by class, so that a new one is tested, too."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.camera import (
    Camera,
    FisheyeCamera,
    KannalaBrandtCamera,
    PolynomialCamera,
    RadialCamera,
    StereoRig,
    camera_from_dict,
)

UNREALEGO = PolynomialCamera.unrealego()
CAMERAS: dict[str, RadialCamera] = {
    "polynomial": dataclasses.replace(UNREALEGO, affine=(0.9977, -0.0116, 0.0121)),
    "kannala_brandt": KannalaBrandtCamera(
        (1280, 960), (653.1, 470.2), 640.0, (380.7, 379.9), (-0.011, 0.0032, -0.0021, 0.0001), 0.01
    ),
}


@dataclasses.dataclass(frozen=True)
class StereographicCamera(RadialCamera):
    """A model of one's own: rho = 2 f tan(phi / 2)."""

    model: ClassVar[str] = "tests.stereographic"
    size_px: tuple[int, int]
    centre_px: tuple[float, float]
    circle_radius_px: float
    focal_px: float

    @property
    def max_angle_rad(self) -> float:
        return 2 * math.atan(self.circle_radius_px / (2 * self.focal_px))

    @property
    def _linear(self) -> tuple[float, float, float]:
        return (1.0, 0.0, 0.0)

    @property
    def _slope_on_axis(self) -> float:
        return self.focal_px

    def _rho_px(self, angle: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return 2 * self.focal_px * (angle / 2).tan()

    def _depth_px(self, rho: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return self.focal_px - rho.square() / (4 * self.focal_px)

    def _resized(self, size_px: tuple[int, int], centre_px: tuple[float, float], scale: float) -> "StereographicCamera":
        return StereographicCamera(size_px, centre_px, self.circle_radius_px * scale, self.focal_px * scale)


CAMERAS[StereographicCamera.model] = StereographicCamera((640, 480), (318.0, 243.0), 236.0, 140.0)
MODELS = pytest.mark.parametrize("camera", CAMERAS.values(), ids=list(CAMERAS))


def rays(degrees: torch.Tensor, around: int = 24) -> torch.Tensor:
    """Unit vectors at each angle from the axis, all the way around it."""
    turns = torch.arange(around, dtype=degrees.dtype) * (2 * math.pi / around)
    polar, azimuth = torch.meshgrid(torch.deg2rad(degrees), turns, indexing="ij")
    return torch.stack((polar.sin() * azimuth.cos(), polar.sin() * azimuth.sin(), polar.cos()), -1)


def test_every_model_of_the_package_is_here() -> None:
    built_in = {cls.__name__ for cls in RadialCamera.__subclasses__() if cls.__module__.startswith("egotap_pl")}
    assert built_in == {type(camera).__name__ for camera in CAMERAS.values()} - {"StereographicCamera"}
    assert all(isinstance(camera, Camera) for camera in CAMERAS.values())


@MODELS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_unprojected_pixels_project_back_over_the_whole_frame(camera: RadialCamera, dtype: torch.dtype) -> None:
    u, v = (torch.arange(0.5, side, 5, dtype=dtype) for side in camera.size_px)
    px = torch.stack(torch.meshgrid(u, v, indexing="xy"), -1)
    ray, inside = camera.unproject(px)
    torch.testing.assert_close(ray.norm(dim=-1), torch.ones_like(px[..., 0]))
    back, inside_again = camera.project(ray * 50)
    fitted = isinstance(camera, PolynomialCamera)  # its two polynomials are two fits
    assert (back - px).norm(dim=-1).max() < (0.02 if fitted else 2e-3 if dtype == torch.float32 else 1e-9)
    assert 0.5 < inside.float().mean() < 1
    assert (inside != inside_again).sum() <= 4  # on the rim


@MODELS
@pytest.mark.parametrize("distance_cm", [0.01, 1.0, 300.0])
def test_projected_points_unproject_back_over_the_whole_field_of_view(camera: RadialCamera, distance_cm: float) -> None:
    directions = rays(torch.linspace(0.0, 130.0, 200))
    back, _ = camera.unproject(camera.project(directions * distance_cm)[0])
    assert torch.rad2deg((back - directions).norm(dim=-1)).max() < 0.01


@MODELS
def test_pixels_move_outwards_across_the_rim_without_a_jump(camera: RadialCamera) -> None:
    ring = rays(torch.linspace(0.0, 179.0, 20000).double(), around=3)
    radius = (camera.project(ring)[0] - ring.new_tensor(camera.centre_px)).norm(dim=-1)
    steps = radius.diff(dim=0)
    assert steps.min() > 0
    assert steps.max() < 0.1


@MODELS
def test_gradients_equal_finite_differences(camera: RadialCamera) -> None:
    degrees = torch.tensor([0.002, 0.05, 0.8, 3.0, 40.0, 77.0, 90.0, 150.0]).double()
    points = (rays(degrees, 5).reshape(-1, 3) * 20).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: camera.project(p)[0], points, eps=1e-7, atol=1e-3)
    px = camera.project(points.detach())[0].requires_grad_()
    assert torch.autograd.gradcheck(lambda p: camera.unproject(p)[0], px, eps=1e-4, atol=1e-5)
    centre = torch.tensor([camera.centre_px], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: camera.unproject(p)[0], centre, eps=1e-4, atol=1e-6)


@MODELS
def test_gradients_are_finite_everywhere(camera: RadialCamera) -> None:
    edge = [[0, 0, 1], [0, 0, -1], [0, 0, 0], [1e-20, 0, 0], [1e-20, 0, 5], [1e-20, 0, -5], [0, 1e-9, 1e-9], [3, 4, 0]]
    points = torch.tensor(edge, dtype=torch.float32, requires_grad=True)
    px, _ = camera.project(points)
    px.sum().backward()
    assert torch.isfinite(px).all()
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()
    rim = (camera.centre_px[0] + camera.circle_radius_px, camera.centre_px[1])
    pixels = torch.tensor([camera.centre_px, (0.0, 0.0), (-9e4, 500.0), rim], requires_grad=True)
    ray, _ = camera.unproject(pixels)
    ray.sum().backward()
    assert pixels.grad is not None
    assert torch.isfinite(pixels.grad).all()


@MODELS
def test_any_batch_shape_even_an_empty_one(camera: RadialCamera) -> None:
    points = torch.randn(2, 3, 4, 3) + torch.tensor([0.0, 0.0, 5.0])
    px, inside = camera.project(points)
    assert (px.shape, inside.shape) == ((2, 3, 4, 2), (2, 3, 4))
    torch.testing.assert_close(camera.project(points[1, 2, 3])[0], px[1, 2, 3])
    assert camera.project(points[:0])[0].shape == (0, 3, 4, 2)
    rays, _ = camera.unproject(px)
    torch.testing.assert_close(camera.unproject(px[1, 2, 3])[0], rays[1, 2, 3])
    assert camera.unproject(px[:0])[0].shape == (0, 3, 4, 3)
    assert not camera.project(torch.tensor([[math.nan, 0.0, 1.0], [math.inf, 0.0, 1.0]]))[1].any()
    assert not camera.unproject(torch.tensor([[math.nan, 0.0], [-300.0, 500.0]]))[1].any()


@MODELS
def test_a_crop_moves_pixels_as_it_moves_annotations(camera: RadialCamera) -> None:
    crop = camera.cropped(left_px=100, top_px=-30, side_px=400, to_px=256)
    points = rays(torch.linspace(0, 150, 40).double()) * 12
    px, inside = camera.project(points)
    moved, inside_crop = crop.project(points)
    torch.testing.assert_close(moved, (px - px.new_tensor([100, -30])) * 0.64)
    both = camera.in_frame(px) & crop.in_frame(moved)
    assert torch.equal(inside_crop & both, inside & both)
    torch.testing.assert_close(crop.unproject(moved)[0], camera.unproject(px)[0])
    assert crop.max_angle_rad == pytest.approx(camera.max_angle_rad)


@MODELS
def test_cameras_are_values_that_survive_json_and_pickle(camera: RadialCamera) -> None:
    assert camera_from_dict(json.loads(json.dumps(camera.to_dict()))) == camera
    assert pickle.loads(pickle.dumps(camera)) == camera
    assert hash(camera) == hash(pickle.loads(pickle.dumps(camera)))


def test_a_rig_of_two_models_survives_json() -> None:
    eye = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    for left in CAMERAS.values():
        for right in CAMERAS.values():
            rig = StereoRig("mixed", (left, right), eye, (8.0, 0.0, 0.0))
            assert StereoRig.from_dict(json.loads(json.dumps(rig.to_dict()))) == rig


def test_a_camera_without_a_model_is_polynomial_as_in_stores_of_0_1_0() -> None:
    assert "model" not in UNREALEGO.to_dict()
    assert camera_from_dict(UNREALEGO.to_dict()) == UNREALEGO
    assert camera_from_dict({**UNREALEGO.to_dict(), "model": "polynomial"}) == UNREALEGO
    assert FisheyeCamera is PolynomialCamera


@pytest.mark.parametrize("model", ["equisolid", "egotap_pl.core.camera.KannalaBrandtCamera", "os.system", None, 7, []])
def test_an_unknown_model_is_refused(model: object) -> None:
    with pytest.raises(ValueError, match=r"unknown camera model .* must be one of .*kannala_brandt.*polynomial"):
        camera_from_dict({**UNREALEGO.to_dict(), "model": model})


MODULE_OF_A_USER = """
import dataclasses
from typing import ClassVar

from egotap_pl.core.camera import KannalaBrandtCamera


@dataclasses.dataclass(frozen=True)
class Renamed(KannalaBrandtCamera):
    model: ClassVar[str] = "tests.renamed"
"""


def test_models_of_modules_that_the_environment_names_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = {**CAMERAS["kannala_brandt"].to_dict(), "model": "tests.renamed"}
    with pytest.raises(ValueError, match=r"unknown camera model .*EGOTAP_IMPORT=my_idea\.cameras"):
        camera_from_dict(camera)
    (tmp_path / "cameras_of_a_user.py").write_text(MODULE_OF_A_USER, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("EGOTAP_IMPORT", "cameras_of_a_user")
    assert type(camera_from_dict(camera)).__name__ == "Renamed"
    assert camera_from_dict(camera).to_dict() == camera
    monkeypatch.setenv("EGOTAP_IMPORT", "no_such_module")
    with pytest.raises(ValueError, match=r"EGOTAP_IMPORT: no_such_module cannot be imported"):
        camera_from_dict({**camera, "model": "tests.another"})

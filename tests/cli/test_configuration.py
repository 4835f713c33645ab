"""Every option in conf/ composes, and the classes that it names can be built."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import pytest
import torch
from composed import CONF, SKELETONS, compose, facts, make_batch, options

from egotap_pl.cli.grids.globs import expand_globs
from egotap_pl.cli.main import VERBS
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.engine.build import build

KINDS = ("joint", "limb")
FOR_UNREALEGO = "# For UnrealEgo's skeleton."
"""Line in every preset that refers to joints by number."""


@functools.cache
def composed_task(data: str, *choice: str) -> dict:
    """The spec of a lifter's task. An option changes its part of the lifter alone."""
    task: dict = compose(*choice, f"data={data}", "scale=smoke", "heatmaps=truth")["training"]["task"]
    return task


@pytest.mark.parametrize("preset", options("experiment"))
@pytest.mark.parametrize("data", SKELETONS)
def test_every_preset_gives_poses(preset: str, data: str) -> None:
    """The lifter gives poses, and the probe, if there is one, joint heatmaps of the lifter's size."""
    settings = compose(f"experiment={preset}", f"data={data}", "scale=smoke")
    seen = make_batch(data, settings["scale"]["image_px"])
    if SKELETONS[data] != unrealego() and FOR_UNREALEGO in (CONF / "experiment" / f"{preset}.yaml").read_text():
        with pytest.raises(ValueError, match="egocap"):
            build(settings["training"]["task"])(facts(data))
        return
    pose_cm = build(settings["training"]["task"])(facts(data)).eval()(seen)
    assert pose_cm.shape == (2, len(SKELETONS[data].estimated), 3)
    assert torch.isfinite(pose_cm).all()
    if settings["probe"]:
        maps = build(settings["probe"]["task"])(facts(data)).eval()(seen)
        side = settings["scale"]["heatmap_px"]
        assert maps.shape == (2, 2, SKELETONS[data].num_heatmap_joints, side, side)
        assert torch.isfinite(maps).all()


@pytest.mark.parametrize("preset", options("experiment/table3"))
def test_a_probe_has_the_lifter_of_the_preset_that_it_names(preset: str) -> None:
    settings = compose(f"experiment=table3/{preset}")
    of = settings["probe"]["of"]
    if of is None:
        assert not settings["probe"]["parts"]
        return
    named = compose(f"experiment={of}")
    assert not named["probe"]
    for node in ("training", "heatmaps", "estimators", "data"):
        assert settings[node] == named[node]


@pytest.mark.parametrize(
    ("encoder", "propagation", "head"),
    list(itertools.product(options("lifter/encoder"), options("lifter/propagation"), options("lifter/head"))),
)
@pytest.mark.parametrize("data", SKELETONS)
def test_every_encoder_goes_with_every_propagation_and_head(
    encoder: str, propagation: str, head: str, data: str
) -> None:
    spec = composed_task(data)
    lifter = dict(spec["lifter"])
    for part, option in (("encoder", encoder), ("propagation", propagation), ("head", head)):
        lifter[part] = composed_task(data, f"lifter/{part}={option}")["lifter"][part]
    task = build({**spec, "lifter": lifter})(facts(data)).eval()
    assert torch.isfinite(task(make_batch(data, 64))).all()


@pytest.mark.parametrize("scale", options("scale"))
@pytest.mark.parametrize(("estimator", "kind"), [("lean", "shared"), *(("unet", kind) for kind in KINDS)])
@pytest.mark.parametrize("data", SKELETONS)
def test_every_scale_builds_its_estimators(scale: str, estimator: str, kind: str, data: str) -> None:
    settings = compose(f"scale={scale}", f"data={data}", f"estimator={estimator}")
    assert kind in settings["heatmaps"]["estimators"]
    with torch.device("meta"):  # sizes are checked, nothing is computed
        network = build(settings["estimators"][kind]["task"]["estimator"])(skeleton=SKELETONS[data])
        maps = network(torch.empty(2, 2, 3, settings["scale"]["image_px"], settings["scale"]["image_px"]))
    assert maps.shape[-1] == settings["scale"]["heatmap_px"]
    assert maps.shape[2] == SKELETONS[data].num_heatmap_joints * (3 if estimator == "lean" else 1)


@pytest.mark.parametrize("scale", options("scale"))
def test_every_scale_builds_its_lifter(scale: str) -> None:
    settings = compose(f"scale={scale}")
    with torch.device("meta"):
        lifter = build(settings["lifter"])(skeleton=unrealego(), heatmap_px=settings["scale"]["heatmap_px"])
    assert lifter.encoder.joint_dim == settings["scale"]["joint_dim"]


@pytest.mark.parametrize("protocol", [name for name in options("protocol") if name.endswith("_smoke")])
def test_at_smoke_size_every_training_has_one_epoch(protocol: str) -> None:
    data = protocol.removesuffix("_smoke")
    root = ["data.root=somewhere"] if "\n  root: ???" in (CONF / "data" / f"{data}.yaml").read_text() else []
    settings = compose("experiment=beyond/egoposeformer", f"data={data}", "scale=smoke", *root)
    trainings = [settings["training"], settings["pretraining"], *(settings["estimators"][kind] for kind in KINDS)]
    assert [(training["epochs"], training["guard"]) for training in trainings] == 4 * [(1, None)]


@pytest.mark.parametrize("group", ["trainer", "logger", "codec", "heatmaps", "data"])
def test_every_option_of_every_other_group_composes(group: str) -> None:
    for option in options(group):
        root = [f"{group}.root=somewhere"] if "\n  root: ???" in (CONF / group / f"{option}.yaml").read_text() else []
        compose(f"{group}={option}", *root)


NEEDED = {
    "prepare": (),
    "show": ("store=x",),
    "train": (),
    "evaluate": ("checkpoint=x.ckpt",),
    "predict": ("checkpoint=x.ckpt", "input=x", "output=x.h5"),
    "import-weights": ("release=egotap", "source=x", "output=y", "data.root=x"),
    "export": ("checkpoint=x.ckpt", "output=x.onnx"),
    "report": ("runs=x", "output=y"),
    "view": ("input=x",),
    "benchmark": (),
    "doctor": (),
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_composes(verb: str) -> None:
    compose(*NEEDED[verb], verb=verb.replace("-", "_"))


def test_a_missing_mandatory_value_is_named() -> None:
    with pytest.raises(EgotapError, match="checkpoint"):
        compose(verb="evaluate")


def test_a_glob_names_every_row_of_a_table() -> None:
    rows = [f"table2/{path.stem}" for path in sorted((CONF / "experiment" / "table2").glob("*.yaml"))]
    assert len(rows) == 8
    assert expand_globs(["-m", "experiment=glob(table2/*)", "seed=1,2"]) == [
        "-m",
        f"experiment={','.join(rows)}",
        "seed=1,2",
    ]
    with pytest.raises(EgotapError, match="no preset"):
        expand_globs(["experiment=glob(table9/*)"])


def test_a_glob_sees_a_users_own_presets(tmp_path: Path) -> None:
    (tmp_path / "experiment" / "mine").mkdir(parents=True)
    (tmp_path / "experiment" / "mine" / "idea.yaml").write_text("# @package _global_\n")
    expanded = expand_globs(["--config-dir", str(tmp_path), "experiment=glob(mine/*)"])
    assert expanded[-1] == "experiment=mine/idea"
    listed = expand_globs(["-cd", str(tmp_path), "experiment=glob(mine/*),table2/cnn,glob(table2/grid_vit_r*)"])
    assert listed[-1] == "experiment=mine/idea,table2/cnn,table2/grid_vit_rf"

"""`egotap export` writes files whose poses are the checkpoint's, without egotap."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import published
import pytest
import torch
from PIL import Image
from random_checkpoints import answers, checkpoint
from smoke import Run

from egotap_pl.core.batch import Heatmaps
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.recordings.frames import unlabelled
from egotap_pl.data.windows import Window
from egotap_pl.engine.checkpoints.loading import load_task
from egotap_pl.engine.prediction.lifting_checkpoints import load_lifting_task
from egotap_pl.engine.prediction.streaming import PoseStream

onnxruntime = pytest.importorskip("onnxruntime")
PX = 64  # scale=smoke
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "predict.md"


def imported(run: Run, folder: Path) -> Path:
    """Import EgoTAP's weights in the published format; without recurrence, which takes long to export."""
    skeleton, n = unrealego(), unrealego().num_heatmap_joints
    torch.manual_seed(1)
    published.publish(
        folder / "published",
        lifter=published.egotap_lifter(skeleton, "rf", published.Tiny(depth=1)),
        joint=published.estimator(2 * n),
        limb=published.estimator(4 * n),
    )
    output = folder / "imported.ckpt"
    arguments = ("release=egotap", "propagation=rf", f"source={folder}/published", f"output={output}")
    run("import-weights", *arguments, "scale=smoke")
    return output


@pytest.mark.slow
@pytest.mark.parametrize("method", ["egoglass", "imported"])
def test_images_to_poses(method, run: Run, tmp_path, monkeypatch, capsys):
    is_imported = method == "imported"
    file = imported(run, tmp_path) if is_imported else checkpoint(tmp_path / "own.ckpt", f"experiment=table1/{method}")
    outcome = run("export", f"checkpoint={file}", f"output={tmp_path}/egotap.onnx")
    assert "checked on random batches of 1, 2, 5" in outcome.err
    session = onnxruntime.InferenceSession(tmp_path / "egotap.onnx")
    assert session.get_modelmeta().custom_metadata_map["unit"] == "cm"
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 3, PX, PX), dtype=np.uint8)
    (pose_cm,) = session.run(None, {"images": images})
    expected = answers(file, images)
    np.testing.assert_allclose(pose_cm, expected, atol=1e-4 * np.abs(expected).max())

    monkeypatch.chdir(tmp_path)
    for view, side in enumerate(("left", "right")):
        (tmp_path / "recording" / side).mkdir(parents=True)
        Image.fromarray(images[0, view].transpose(1, 2, 0)).save(tmp_path / "recording" / side / "0001.png")
    examples = re.findall(r"```python\n(.*?)```", DOCUMENTATION.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = (text for text in examples if "onnxruntime" in text)
    exec(compile(example, str(DOCUMENTATION), "exec"), {})
    printed = json.loads(capsys.readouterr().out.replace("'", '"'))
    assert list(printed) == list(unrealego().joints)
    np.testing.assert_allclose(list(printed.values()), expected[0], atol=0.051 + 1e-4 * np.abs(expected).max())
    Image.new("RGB", (PX + 1, PX)).save(tmp_path / "recording" / "right" / "0001.png")
    with pytest.raises(SystemExit, match="cut out the square"):
        exec(compile(example, str(DOCUMENTATION), "exec"), {})


@pytest.mark.slow
def test_a_lifter_alone(run: Run, tmp_path):
    choices = ("heatmaps=truth", "lifter/encoder=cnn", "lifter/propagation=none")
    file = checkpoint(tmp_path / "own.ckpt", *choices)
    run("export", f"checkpoint={file}", f"output={tmp_path}/lifter.onnx", "part=lifter")
    session = onnxruntime.InferenceSession(tmp_path / "lifter.onnx")
    inputs = {value.name: torch.rand(4, *value.shape[1:]) for value in session.get_inputs()}
    assert list(inputs) == ["joint_heatmaps", "limb_heatmaps"]
    task, _ = load_task(file, ["egotap_pl"])
    with torch.inference_mode():
        expected = task.eval().lifter(*inputs.values()).numpy()
    (pose_cm,) = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
    np.testing.assert_allclose(pose_cm, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reader", "part"),
    [
        (("temporal=causal_attention", "data.window=3", "lifter/propagation=none"), "lifter"),
        (("temporal=causal_attention", "data.window=3", "lifter/propagation=none", "heatmaps=estimated"), "all"),
        (("lifter/propagation=temporal", "data.window=3", "lifter.propagation.num_layers=1"), "lifter"),
    ],
)
def test_windows_of_frames(reader: tuple[str, ...], part: str, run: Run, tmp_path):
    """An exported network takes whole windows, and gives what a stream of their frames gives last."""
    file = checkpoint(tmp_path / "own.ckpt", "heatmaps=truth", "lifter/encoder=cnn", *reader, "data.stride=2")
    outcome = run("export", f"checkpoint={file}", f"output={tmp_path}/own.onnx", f"part={part}")
    assert "windows of 3 frames, 2 apart" in outcome.err
    session = onnxruntime.InferenceSession(tmp_path / "own.onnx")
    assert session.get_modelmeta().custom_metadata_map["window_stride"] == "2"
    generator = np.random.default_rng(0)
    inputs = {
        value.name: generator.random((2, *value.shape[1:]), np.float32)
        if part == "lifter"
        else generator.integers(0, 256, (2, *value.shape[1:]), dtype=np.uint8)
        for value in session.get_inputs()
    }
    (pose_cm,) = session.run(None, inputs)
    task, about = load_lifting_task(file, ["egotap_pl"])
    stream = PoseStream(task, Window.parse(about.data))
    for row in range(2):
        one = [torch.from_numpy(window[row]) for window in inputs.values()]
        images = one[0] if part == "all" else torch.empty(3, 2, 3, 0, 0, dtype=torch.uint8)
        batch = unlabelled(images, unrealego().num_joints, 0)
        batch = batch if part == "all" else batch._replace(heatmaps=Heatmaps(*one))
        with torch.inference_mode():
            expected = stream.poses_cm(batch, ("",) * 3, (0, 2, 4))[-1].numpy()
        np.testing.assert_allclose(pose_cm[row], expected, atol=1e-4 * np.abs(expected).max())


def test_mistakes_are_named_before_any_work(run: Run, tmp_path):
    file = checkpoint(tmp_path / "truth.ckpt", "heatmaps=truth")
    estimator = checkpoint(tmp_path / "estimator.ckpt", part="estimators.joint")

    def fails(*overrides: str) -> str:
        outcome = run("export", *overrides, ok=False)
        assert "Traceback" not in outcome.err
        return outcome.err

    output = f"output={tmp_path}/x.onnx"
    assert "heatmaps=truth" in fails(f"checkpoint={file}", output)
    assert "HeatmapTask" in fails(f"checkpoint={estimator}", output)
    assert "part=half" in fails(f"checkpoint={file}", output, "part=half")
    assert ".onnx" in fails(f"checkpoint={file}", f"output={tmp_path}/x.pt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["estimator.ckpt", "truth.ckpt"]

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_checkpoints import answers, checkpoint
from smoke import Run

from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.checkpoints.loading import load_task, read_checkpoint
from egotap_pl.engine.checkpoints.publishing import publish_weights

PX = 64  # scale=smoke


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A checkpoint with random weights."""
    return checkpoint(tmp_path_factory.mktemp("whole") / "whole.ckpt", "experiment=table2/grid_vit_pu")


def test_poses_are_the_same_to_the_rounding_of_half_precision(whole, tmp_path, run: Run):
    small = tmp_path / "folder" / "small.ckpt"
    assert "half precision" in run("export", f"checkpoint={whole}", f"output={small}").out
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 3, PX, PX), dtype=np.uint8)
    expected = answers(whole, images)
    np.testing.assert_allclose(answers(small, images), expected, atol=0.02 * np.abs(expected).max())
    task, _ = load_task(small, ("egotap_pl",))
    assert {p.dtype for p in task.parameters()} == {torch.float32}


def test_only_weights_and_their_description_are_left(whole, tmp_path):
    content = dict(torch.load(whole, weights_only=True))
    weights = content["state_dict"]
    training = {"optimizer_states": [{"state": {0: torch.zeros(10**6)}}], "loops": {}, "callbacks": {}}
    data, task = ({**content["egotap"][part]} for part in ("data", "task"))
    data |= {"root": "/home/me/secret", "own": {"files": ["~/secret", "/secret/a"]}}
    data["source"] = {**data["source"], "root": "secret", "rig": "secret.yaml", "lists": {"train": "/secret/train.txt"}}
    data["source"]["motions"] = [{**data["source"]["motions"][0], "folder": "secret"}]
    task["initialise"] = {"_target_": "egotap_pl.nn.resnet.load_imagenet_weights", "_partial_": True, "file": "secret"}
    content["egotap"] = {**content["egotap"], "data": data, "task": task}
    torch.save({**content, **training}, tmp_path / "trained.ckpt")
    publish_weights(tmp_path / "trained.ckpt", tmp_path / "small.ckpt")
    left = read_checkpoint(tmp_path / "small.ckpt")
    assert not left.keys() & training.keys()
    assert b"secret" not in (tmp_path / "small.ckpt").read_bytes()
    assert left["state_dict"].keys() == weights.keys()
    for name, weight in weights.items():
        small = left["state_dict"][name]
        assert small.dtype == (torch.float16 if weight.ndim > 1 and weight.is_floating_point() else weight.dtype), name
        torch.testing.assert_close(small.to(weight.dtype), weight, rtol=2**-10, atol=2**-24)


def test_the_checkpoint_itself_is_not_replaced(whole, tmp_path):
    (tmp_path / "link.ckpt").symlink_to(whole)
    before = whole.read_bytes()
    for output in (whole, tmp_path / "link.ckpt"):
        with pytest.raises(EgotapError, match="is the checkpoint itself, which would be lost"):
            publish_weights(whole, output)
    assert whole.read_bytes() == before


def test_a_weight_that_half_precision_cannot_hold_is_named(whole, tmp_path):
    content = torch.load(whole, weights_only=True)
    name = next(name for name, weight in content["state_dict"].items() if weight.ndim == 2)
    content["state_dict"][name][0, 0] = 1e5
    torch.save(content, tmp_path / "large.ckpt")
    with pytest.raises(EgotapError, match=rf"{name} is too large"):
        publish_weights(tmp_path / "large.ckpt", tmp_path / "small.ckpt")
    assert not (tmp_path / "small.ckpt").exists()
    with pytest.raises(EgotapError, match="is a folder"):
        publish_weights(whole, tmp_path)

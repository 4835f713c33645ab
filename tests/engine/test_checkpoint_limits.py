"""A checkpoint that declares more than it contains, or has a wrong description, is refused before it takes memory."""

from __future__ import annotations

import copy
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from random_checkpoints import checkpoint

from egotap_pl.core.batch import DataFacts
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.engine.build import build
from egotap_pl.engine.checkpoints.loading import KEY, load_task, read_checkpoint

OWN = ["egotap_pl"]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The content of a checkpoint of a CNN, whose widths can be chosen freely."""
    path = tmp_path_factory.mktemp("shipped") / "own.ckpt"
    return dict(read_checkpoint(checkpoint(path, "heatmaps=truth", "experiment=table2/cnn")))


def refusal(path: Path, content: dict[str, Any]) -> str:
    torch.save(content, path)
    with pytest.raises(EgotapError) as error:
        load_task(path, OWN)
    assert str(path) in str(error.value)
    return str(error.value)


def changed(content: dict[str, Any], **encoder: Any) -> dict[str, Any]:
    """The checkpoint with other sizes of its encoder."""
    content = {**content, KEY: copy.deepcopy(content[KEY])}
    content[KEY]["task"]["lifter"]["encoder"].update(encoder)
    return content


def test_a_network_of_120_gb_that_is_not_in_the_file_is_refused(shipped: dict[str, Any], tmp_path: Path) -> None:
    content = changed(shipped, hidden_dims=[200_000, 150_000])
    assert "of another shape" in refusal(tmp_path / "own.ckpt", content)


def test_weights_that_only_seem_to_be_there_are_refused(shipped: dict[str, Any], tmp_path: Path) -> None:
    content = changed(shipped, hidden_dims=[40_000, 50_000])
    with torch.device("meta"):
        task = build(content[KEY]["task"])(DataFacts(unrealego(), ("walking",), torch.zeros(16, 3)))
    content["state_dict"] = {name: torch.zeros(()).expand(value.shape) for name, value in task.state_dict().items()}
    message = refusal(tmp_path / "own.ckpt", content)
    assert (tmp_path / "own.ckpt").stat().st_size < 100_000
    assert "MiB" in message


def test_a_network_of_a_million_layers_is_refused(shipped: dict[str, Any], tmp_path: Path) -> None:
    encoder = {"_target_": "egotap_pl.nn.encoders.GridViTEncoder", "_partial_": True, "patches_per_side": 2}
    sizes = {"width": 8, "heads": 2, "mlp_width": 8, "hidden_dims": [8], "depth": 1_000_000}
    content = {**shipped, KEY: copy.deepcopy(shipped[KEY])}
    content[KEY]["task"]["lifter"]["encoder"] = {**encoder, **sizes}
    assert "more or larger parameters" in refusal(tmp_path / "own.ckpt", content)


LAYERS = [
    {"_target_": "torch.nn.TransformerEncoderLayer", "d_model": 4, "nhead": 1, "dim_feedforward": 4},
    {"_target_": "torch.nn.Identity"},
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer["_target_"])
def test_copies_of_a_layer_are_limited_by_the_weights_in_the_file(
    layer: dict[str, Any], shipped: dict[str, Any], tmp_path: Path
) -> None:
    content = {**shipped, KEY: copy.deepcopy(shipped[KEY])}
    encoder = {"_target_": "torch.nn.TransformerEncoder", "encoder_layer": layer, "num_layers": 10**9}
    content[KEY]["task"]["lifter"]["encoder"] = encoder
    assert "copies of" in refusal(tmp_path / "own.ckpt", content)
    assert copy.deepcopy(torch.nn.Linear(2, 2)).weight.shape == (2, 2)  # outside, copies are not counted
    assert "checkpoint_limits" not in torch.nn.Module.__setstate__.__module__


@pytest.mark.parametrize("place", [0.3, 0.5, 0.9])
def test_a_flipped_bit_is_noticed(place: float, shipped: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "own.ckpt"
    torch.save(shipped, path)
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda member: member.file_size)
        tensor = archive.read(largest)
    data = bytearray(path.read_bytes())
    data[data.index(tensor) + int(place * len(tensor))] ^= 1
    path.write_bytes(data)
    with pytest.raises(EgotapError, match=r"own\.ckpt is damaged: the checksum of .* is wrong"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("task", ["list"], "task"),
        ("task", {"_target_": "torch.nn.Linear", "in_features": 1, "out_features": 1}, "task"),
        ("task", {"_target_": "torch.nn.Identity", "_partial_": True}, "not a LightningModule"),
        ("task", {"no": "target"}, "task"),
        ("skeleton", {"name": "x"}, "skeleton"),
        ("skeleton", None, "skeleton"),
        ("skeleton", {"joints": ("a", "a")}, "used twice"),
        ("skeleton", {"parents": (1, 0)}, "its own parent"),
        ("skeleton", {"parents": (0, "0")}, "skeleton"),
        ("skeleton", {"parents": (0,)}, "2 joints but 1 parents"),
        ("skeleton", {"joints": tuple(map(str, range(5000))), "parents": (0,) * 5000}, "1000"),
        ("skeleton", {"estimates_root": "yes"}, "skeleton"),
        ("categories", "walking", "categories"),
        ("categories", ["a", 1], "categories"),
        ("categories", ["a", "a"], "unique"),
        ("categories", ["a"] * 5000, "1000"),
        ("data", {}, "data"),
        ("data", {"name": 1}, "data"),
        ("data_fingerprint", None, "data_fingerprint"),
        ("batch_size", 0, "batch_size"),
        ("batch_size", True, "batch_size"),
        ("batch_size", "4", "batch_size"),
        ("seed", 1.5, "seed"),
        ("experiment", torch.zeros(1), "experiment"),
        ("experiment", "\x1b]0;title\x07", "experiment"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any, expected: str, shipped: dict[str, Any], tmp_path: Path) -> None:
    if field == "skeleton" and value is not None and value != {"name": "x"}:
        value = {"name": "pair", "joints": ("a", "b"), "parents": (0, 0), "estimates_root": True, **value}
    content = {**shipped, KEY: {**shipped[KEY], field: value}}
    assert expected in refusal(tmp_path / "own.ckpt", content)


def test_a_missing_field_is_named(shipped: dict[str, Any], tmp_path: Path) -> None:
    entry = {name: value for name, value in shipped[KEY].items() if name != "seed"}
    assert "has no seed" in refusal(tmp_path / "own.ckpt", {**shipped, KEY: entry})


@pytest.mark.parametrize(
    "state",
    [[], {"a": 1}, {1: torch.zeros(1)}, {"a": torch.zeros(2).to_sparse()}, {"a": torch.empty(1, device="meta")}],
)
def test_weights_have_to_be_tensors(state: Any, shipped: dict[str, Any], tmp_path: Path) -> None:
    assert "state_dict" in refusal(tmp_path / "own.ckpt", {**shipped, "state_dict": state})


@pytest.mark.parametrize("value", [bytearray(8), b"\xff" * 8])
def test_bytes_are_refused_before_they_are_made(value: Any, shipped: dict[str, Any], tmp_path: Path) -> None:
    assert "byte strings" in refusal(tmp_path / "own.ckpt", {**shipped, "more": value})


def test_a_compressed_file_is_refused_before_it_is_read(shipped: dict[str, Any], tmp_path: Path) -> None:
    torch.save({**shipped, "more": torch.zeros(2**20)}, tmp_path / "own.ckpt")
    with (
        zipfile.ZipFile(tmp_path / "own.ckpt") as archive,
        zipfile.ZipFile(tmp_path / "small.ckpt", "w", zipfile.ZIP_DEFLATED) as small,
    ):
        for name in archive.namelist():
            small.writestr(name, archive.read(name))
    with pytest.raises(EgotapError, match=r"small\.ckpt.*compressed"):
        read_checkpoint(tmp_path / "small.ckpt")


def test_a_users_own_class_may_need_real_numbers_while_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real_numbers.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "from egotap_pl.nn.propagation import Propagation\n"
        "class Drops(Propagation):\n"
        "    uses_limbs = False\n"
        "    def __init__(self, skeleton, joint_dim):\n"
        "        super().__init__()\n"
        "        self.out_dim = joint_dim\n"
        "        self.drops = nn.ModuleList(nn.Dropout(p.item()) for p in torch.linspace(0, 0.5, 3))\n"
        "        self.linear = nn.Linear(joint_dim, joint_dim)\n"
        "    def forward(self, joint, limb):\n"
        "        return self.linear(joint)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    own = ("heatmaps=truth", "lifter/propagation=none", "lifter.propagation._target_=real_numbers.Drops")
    path = checkpoint(tmp_path / "own.ckpt", *own)
    task, _ = load_task(path, [*OWN, "real_numbers"])
    assert [drop.p for drop in task.lifter.propagation.drops] == [0.0, 0.25, 0.5]
    weights = read_checkpoint(path)["state_dict"]
    assert all(torch.equal(value, weights[name]) for name, value in task.state_dict().items())

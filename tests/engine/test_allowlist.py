"""A checkpoint may name every preset's classes, and nothing that reads, writes or runs anything."""

from __future__ import annotations

import ast
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from composed import CONF, compose, options
from random_checkpoints import checkpoint
from smoke import Run

import egotap_pl
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.checkpoints.allowlist import (
    PACKAGES,
    check_spec_of_file,
    class_named,
    entries,
    is_trusted,
    with_package,
)
from egotap_pl.engine.checkpoints.loading import KEY, checked_task, load_task, read_checkpoint

OWN = ["egotap_pl"]
PRESETS = options("experiment")


class Bomb:
    """An object that would create a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def write_text(folder: Path) -> dict[str, Any]:
    return {
        "_target_": "pathlib.Path.write_text",
        "_args_": [{"_target_": "pathlib.Path", "_args_": [str(folder / "x")]}, "x"],
    }


def load_pickle(folder: Path) -> dict[str, Any]:
    (folder / "bomb.pt").write_bytes(pickle.dumps(Bomb(folder / "x")))
    return {"_target_": "torch.load", "f": str(folder / "bomb.pt"), "weights_only": False}


def program(folder: Path) -> dict[str, Any]:
    return {"_target_": "subprocess.Popen", "args": ["touch", str(folder / "x")]}


def heatmap_writer(folder: Path) -> dict[str, Any]:
    writer = {"_target_": "egotap_pl.data.store.heatmaps.HeatmapWriter", "path": str(folder / "x"), "frames": 1}
    return {"_target_": "egotap_pl.data.store.heatmaps.HeatmapWriter.__enter__", "_args_": [writer]}


def atomic_text(folder: Path) -> dict[str, Any]:
    path = {"_target_": "pathlib.PurePosixPath", "_args_": [str(folder / "x")]}
    return {"_target_": "egotap_pl.core.atomic.write_text", "path": path, "text": "x"}


def atomic_json(folder: Path) -> dict[str, Any]:
    return {"_target_": "egotap_pl.core.atomic.write_json", "path": str(folder / "x"), "content": 1}


def preparation(folder: Path) -> dict[str, Any]:
    source = {"_target_": "egotap_pl.data.egosynth.EgoSynthSource"}
    return {
        "_target_": "egotap_pl.data.preparation.prepare.prepare",
        "source": source,
        "folder": str(folder / "x"),
        "overwrite": True,
    }


def imagenet_weights(folder: Path) -> dict[str, Any]:
    torch.save({"conv1.weight": torch.zeros(1)}, folder / "weights.pth")
    backbone = {"_target_": "egotap_pl.nn.resnet.ResNet18"}
    file = str(folder / "weights.pth")
    return {"_target_": "egotap_pl.nn.resnet.load_imagenet_weights", "backbone": backbone, "file": file}


def function_of_a_task(folder: Path) -> dict[str, Any]:
    return {"_target_": "egotap_pl.tasks.LiftingTask.load_from_checkpoint", "checkpoint_path": str(folder / "x")}


def way_through_a_function(folder: Path) -> dict[str, Any]:
    name = "egotap_pl.tasks.schedules.warmup_cosine.__globals__.clear"
    return {"_target_": name}


ATTACKS = (
    write_text,
    load_pickle,
    program,
    heatmap_writer,
    atomic_text,
    atomic_json,
    preparation,
    imagenet_weights,
    function_of_a_task,
    way_through_a_function,
)
PLACES: dict[str, Callable[[dict[str, Any], Any], Any]] = {
    "alone": lambda task, attack: attack,
    "factory": lambda task, attack: {**task, "lifter": {**attack, "_partial_": True}},
    "argument": lambda task, attack: {**task, "lifter": {**task["lifter"], "pose_unit_cm": attack}},
    "list": lambda task, attack: {**task, "loss_weights": [1.0, (attack,)]},
    "positional": lambda task, attack: {**task, "_args_": [{"deep": [attack]}]},
    "not recursive": lambda task, attack: {**task, "_recursive_": False, "lifter": attack},
}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The content of a checkpoint that egotap wrote."""
    return dict(read_checkpoint(checkpoint(tmp_path_factory.mktemp("shipped") / "own.ckpt", "heatmaps=truth")))


def saved(path: Path, content: dict[str, Any], **changes: Any) -> Path:
    torch.save({**content, KEY: {**content[KEY], **changes}}, path)
    return path


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("attack", ATTACKS)
def test_anything_but_networks_in_a_task_is_refused_and_not_called(
    attack: Callable[[Path], Any], place: str, shipped: dict[str, Any], tmp_path: Path
) -> None:
    spec = attack(tmp_path)
    path = saved(tmp_path / "own.ckpt", shipped, task=PLACES[place](shipped[KEY]["task"], spec))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(EgotapError) as refusal:
        load_task(path, OWN)
    assert str(path) in str(refusal.value)
    assert spec["_target_"] in str(refusal.value)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${oc.env:HOME}", "interpolation"),
        ("a ${task.optimizer.lr}", "interpolation"),
        ({"_target_": ["egotap_pl.nn.lifter.Lifter"]}, "_target_"),
        ({"_target_": None}, "_target_"),
        ({"_target_": "${oc.env:HOME}"}, "HOME"),
        ({"_partial_": "yes"}, "_partial_"),
        ({"_recursive_": 0}, "_recursive_"),
        ({"_convert_": "${oc.env:HOME}"}, "_convert_"),
        ({"_args_": "text"}, "_args_"),
        (torch.zeros(1), "Tensor"),
        ({(1, 2): 3}, "dictionary"),
        ([[0] * 200] * 200, "too large"),
    ],
)
def test_values_that_are_not_plain_are_named(
    value: Any, expected: str, shipped: dict[str, Any], tmp_path: Path
) -> None:
    path = saved(tmp_path / "own.ckpt", shipped, task={**shipped[KEY]["task"], "loss_weights": value})
    with pytest.raises(EgotapError, match=expected) as refusal:
        load_task(path, OWN)
    assert str(path) in str(refusal.value)


def test_a_spec_that_holds_itself_or_grows_with_every_level_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    bomb: list[Any] = []
    for _ in range(40):
        bomb = [bomb, bomb]
    for spec in (endless, bomb):
        with pytest.raises(EgotapError, match="too deeply"):
            check_spec_of_file(spec, OWN, "file")


def test_the_weights_that_a_training_started_from_are_not_looked_up(shipped: dict[str, Any], tmp_path: Path) -> None:
    content = dict(read_checkpoint(checkpoint(tmp_path / "own.ckpt", part="estimators.joint")))
    for initialise in (
        {
            "_target_": "egotap_pl.nn.resnet.load_imagenet_weights",
            "_partial_": True,
            "file": str(tmp_path / "none.pth"),
        },
        imagenet_weights(tmp_path),
    ):
        path = saved(tmp_path / "own.ckpt", content, task={**content[KEY]["task"], "initialise": initialise})
        task, _ = load_task(path, OWN)
        task.initialise()
        assert all(torch.equal(value, content["state_dict"][name]) for name, value in task.state_dict().items())


@pytest.mark.parametrize("preset", PRESETS)
def test_checkpoints_of_every_preset_load(preset: str, tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "own.ckpt", f"experiment={preset}")
    task, about = load_task(path, OWN)
    assert task.state_dict().keys() == read_checkpoint(path)["state_dict"].keys()
    assert about.experiment == "custom"
    if "table3" in preset:
        load_task(checkpoint(tmp_path / "probe.ckpt", f"experiment={preset}", part="probe"), OWN)


@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset.startswith(("quickstart", "table1"))])
def test_classes_of_presets_at_the_papers_sizes_are_allowed(preset: str) -> None:
    """At those sizes, estimators start from ImageNet's weights."""
    settings = compose(f"experiment={preset}", "scale=paper")
    assert settings["estimators"]["joint"]["task"]["initialise"]["_partial_"]
    for node in (settings["training"], *settings["estimators"].values()):
        checked_task(node["task"], OWN, preset)


@pytest.mark.parametrize("release", sorted(path.stem for path in (CONF / "release").glob("*.yaml")))
def test_classes_of_imported_weights_are_allowed(release: str) -> None:
    settings = compose(f"release={release}", "source=x", "output=y", "data.root=x", verb="import_weights")
    checked_task(settings["training"]["task"], OWN, release)


FILES = {
    "os",
    "io",
    "shutil",
    "subprocess",
    "pathlib",
    "pickle",
    "tempfile",
    "h5py",
    "json",
    "yaml",
    "urllib",
    "socket",
}


def imports(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def calls(source: Path) -> set[str]:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_no_allowed_package_reads_or_writes_files() -> None:
    """All classes of these packages are allowed, so none may. The function that loads weights is not a class."""
    root = Path(egotap_pl.__file__).parents[1]
    sources = [path for package in PACKAGES for path in (root / package.replace(".", "/")).rglob("*.py")]
    assert len(sources) > 40
    with_files = {path.name for path in sources if FILES & set(imports(path))}
    assert with_files == {"resnet.py"}
    assert not is_trusted("egotap_pl.nn.resnet.load_imagenet_weights", OWN)
    forbidden = {"open", "exec", "eval", "compile", "__import__", "torch.load", "torch.save"}
    assert {path.name for path in sources if forbidden & calls(path)} == {"resnet.py"}


@pytest.mark.parametrize(
    ("target", "trust", "expected"),
    [
        ("egotap_pl.tasks.LiftingTask", OWN, True),
        ("egotap_pl.tasks.LiftingTask", [], False),
        ("egotap_pl.losses.WeightedSum", OWN, True),
        ("torch.nn.GELU", [], True),
        ("torch.optim.lr_scheduler.StepLR", OWN, True),
        ("torch.nn.functional.relu", OWN, False),
        ("torch.nn.parallel.DistributedDataParallel", OWN, False),
        ("torch.optim.swa_utils.AveragedModel", OWN, False),
        ("torch.load", [*OWN, "torch"], False),
        ("torch.hub.load", [*OWN, "torch"], False),
        ("torch.nn.functional.relu", [*OWN, "torch.nn.functional.relu"], True),
        ("egotap_pl.data.preparation.prepare.prepare", [*OWN, "egotap_pl.data"], False),
        ("egotap_pl.data.preparation.prepare.prepare", [*OWN, "egotap_pl.data.preparation.prepare.prepare"], False),
        ("egotap_pl.core.skeleton.unrealego", OWN, False),
        ("egotap_pl.losses.map_mse", OWN, False),
        ("egotap_pl.nn", OWN, False),
        ("egotap_pl.nn.", OWN, False),
        ("my_idea.parts.Mine", OWN, False),
        ("my_idea.parts.Mine", [*OWN, "my_idea"], True),
        ("my_idea.parts.Mine", [*OWN, "my_idea.parts"], True),
        ("my_idea.parts.Mine", "my_idea", True),
        ("my_idea.parts.make", [*OWN, "my_idea"], True),
        ("my_idea.parts.Mine", [*OWN, "my_idea.other"], False),
        ("my_idea.parts.Mine", [*OWN, "my"], False),
        ("my_idea.parts.os.system", [*OWN, "my_idea"], False),
        ("my_idea.parts.Path", [*OWN, "my_idea"], False),
        ("my_idea.parts.prepare", [*OWN, "my_idea"], False),
        ("my_idea.parts.value", [*OWN, "my_idea"], False),
    ],
)
def test_packages_modules_and_single_names_can_be_trusted(
    target: str, trust: Any, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "my_idea"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "parts.py").write_text(
        "import os\nfrom pathlib import Path\nfrom egotap_pl.data.preparation.prepare import prepare\n"
        "class Mine: pass\ndef make(): pass\nvalue = Mine()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert is_trusted(target, trust) is expected


def test_a_module_that_nobody_trusts_is_not_imported(shipped: dict[str, Any], tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "not_mine.py").write_text(f"open({str(tmp_path / 'x')!r}, 'w')\nclass Thing: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = saved(
        tmp_path / "own.ckpt", shipped, task={**shipped[KEY]["task"], "lifter": {"_target_": "not_mine.Thing"}}
    )
    with pytest.raises(EgotapError, match=r"not_mine\.Thing.*trust=\[egotap_pl,not_mine\]"):
        load_task(path, OWN)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("target", "trust", "expected"),
    [
        ("egotap_pl.nn.propagation.PuPropagation", [], "PuPropagation"),
        ("egotap_pl.data.store.codec.PngCodec", [], "PngCodec"),  # its name in 0.1.0
        ("egotap_pl.data.unrealego.Device", [], "Device"),  # compared, though a checkpoint may not make one
        ("egotap_pl.nn.propagation", [], None),
        ("egotap_pl.nn.propagation.Nothing", [], None),
        ("egotap_pl.cli.main.main", [], None),
        ("subprocess.Popen", ["subprocess.run"], None),
        ("my_own.parts.Mine", [], None),
        ("my_own.parts.Mine", ["my_own"], "Mine"),
        ("my_own.parts.Mine", ["my_own.parts"], "Mine"),
        ("my_own.parts.Mine", ["my_own.parts.Mine"], "Mine"),
        ("my_own.parts.Path", ["my_own"], None),
        ("my_own.parts.make", ["my_own"], None),
        ("my_own.broken.Mine", ["my_own"], None),
    ],
)
def test_a_class_is_found_by_its_name_where_it_is_ours_or_trusted(
    target: str, trust: list[str], expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "my_own"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "parts.py").write_text("from pathlib import Path\nclass Mine: pass\ndef make(): pass\n")
    (package / "broken.py").write_text("raise RuntimeError\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_own"]:
        monkeypatch.delitem(sys.modules, name)
    found = class_named(target, trust)
    assert (None if found is None else found.__name__) == expected
    assert trust or "my_own" not in sys.modules


def test_trust_has_to_be_names() -> None:
    assert entries("my_idea") == ("my_idea",)
    assert entries(["egotap_pl", "my_idea"]) == ("egotap_pl", "my_idea")
    assert with_package("my_idea") == with_package(["my_idea"]) == ("egotap_pl", "my_idea")
    for wrong in (None, 1, [1], {"my_idea": True}):
        with pytest.raises(EgotapError, match="trust="):
            entries(wrong)


@pytest.mark.parametrize("verb", ["evaluate", "predict", "export"])
def test_every_command_refuses_a_hostile_checkpoint(
    verb: str, shipped: dict[str, Any], run: Run, tmp_path: Path
) -> None:
    if verb == "export":
        pytest.importorskip("onnxscript")
    task = {**shipped[KEY]["task"], "lifter": heatmap_writer(tmp_path)}
    path = saved(tmp_path / "own.ckpt", shipped, task=task)
    (tmp_path / "frames").mkdir()
    more = {
        "evaluate": (f"output={tmp_path}/out", "data=egosynth"),
        "predict": (f"output={tmp_path}/out.h5", f"input={tmp_path}/frames"),
        "export": (f"output={tmp_path}/out.onnx",),
    }
    outcome = run(verb, f"checkpoint={path}", f"paths.work={tmp_path}/work", *more[verb], ok=False)
    assert outcome.err.startswith(f"egotap: {path}: task.lifter names egotap_pl.data.store.heatmaps.HeatmapWriter")
    assert "Traceback" not in outcome.err
    assert sorted(file.name for file in tmp_path.iterdir()) == ["frames", "own.ckpt"]

"""Files of earlier versions, as users have them, are still found, loaded, continued and reported (tests/old)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import egotap_pl
from egotap_pl.cli.configuration.presets import Identifier
from egotap_pl.engine.build import current_name
from egotap_pl.engine.experiment import Experiment
from egotap_pl.engine.specs import check_spec

FILES = Path(__file__).parents[1] / "old" / "0.1.0"
RUN = "runs/table2/grid_vit_pu/egosynth/seed=3"
COMMAND = (
    "experiment=table2/grid_vit_pu",
    "scale=smoke",
    "codec=png",
    "data.folder=data",
    "+data.root=null",  # EgoSynth has another version now: the stores are used as they are
    "data.workers=0",
    "data.frames={train: 4, validation: 2, test: 4}",
    "scale.backbone_width=1",
    "scale.lateral_widths=[2,4,8,8]",
    "scale.decoder_widths=[4,4,4]",
    "training.epochs=1",
    "training.batch_size=2",
    *(f"estimators.{kind}.{setting}" for kind in ("joint", "limb") for setting in ("epochs=1", "batch_size=2")),
    "estimators.joint.guard=null",
    "estimators.limb.guard=null",
    "seed=3",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the old files that a command may change."""
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def metrics(home: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((home / RUN / "metrics.json").read_text())
    return content


def test_a_checkpoint_gives_the_numbers_that_it_gave(home: Path) -> None:
    again, before = egotap_pl.evaluate(RUN, store="data"), metrics(home)
    for name in ("mpjpe", "pa_mpjpe", "mean_pose_mpjpe", "per_joint", "parameters"):
        assert again[name] == pytest.approx(before[name], rel=1e-4)


def test_a_store_keeps_its_rig(home: Path) -> None:
    store = egotap_pl.open_store("data", "test")
    assert store.rig.translation_cm == (-12.0, 0.0, 0.0)  # EgoSynth's glasses have been turned since


def test_stages_and_runs_are_found_by_the_fingerprints_that_they_had(home: Path) -> None:
    experiment = Experiment(egotap_pl.compose(*COMMAND))
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*.ckpt")}
    assert {experiment.estimator(kind).parents[1].name.rpartition("-")[0] for kind in ("joint", "limb")} == {
        "joint-estimator",
        "limb-estimator",
    }
    assert experiment.data.fingerprint == metrics(home)["dataset_fingerprint"]
    assert experiment.run() == Path(RUN)
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*.ckpt")} == before


@pytest.mark.slow
def test_an_interrupted_training_goes_on(home: Path) -> None:
    before = metrics(home)
    for name in ("done.json", "metrics.json", "predictions.h5"):
        (home / RUN / name).unlink()
    result = egotap_pl.train(egotap_pl.compose(*COMMAND))
    assert result.folder == Path(RUN)
    assert result.metrics["mpjpe"] == pytest.approx(before["mpjpe"], rel=1e-4)
    assert len(result.predictions) == 4


def test_a_run_is_reported_under_the_names_that_it_had(home: Path) -> None:
    (run,) = egotap_pl.gather_runs("runs").runs
    (identified,) = Identifier(["table1/egotap", "table2/grid_vit_pu"])([run])
    assert identified.presets == ("table2/grid_vit_pu", "table1/egotap")
    assert run.predictions.error_mm.mean() == pytest.approx(metrics(home)["mpjpe"], rel=1e-4)


@pytest.mark.parametrize(
    "target",
    [
        "egotap_pl.engine.loggers.WandbService",
        "egotap_pl.data.store.codec.PngCodec",
        "egotap_pl.data.egocap.layout.write_egocap",
        "egotap_pl.data.unrealego.layout.write_unrealego",
        "egotap_pl.data.unrealego.UnrealEgoSource",
        "egotap_pl.data.unrealego.Device",
        "egotap_pl.data.unrealego.variants.ImplAlone",
        "egotap_pl.data.egocap.EgoCapSource",
    ],
)
def test_configurations_may_name_classes_as_before(target: str) -> None:
    check_spec({"_target_": target}, "data")
    assert current_name(current_name(target)) == current_name(target)

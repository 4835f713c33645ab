"""Errors beside costs, in a table and in a figure."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from finished_runs import MakeRun

from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.variants import Condition, IdentifiedRun, group
from egotap_pl.engine.checkpoints.loading import load_task
from egotap_pl.report.costs import CostReader, RunCost
from egotap_pl.report.illustrations.costs import costs_illustration
from egotap_pl.report.studies import find_studies
from egotap_pl.report.tables.costs import costs_table

OLD = Path(__file__).parents[1] / "old" / "0.1.0" / "runs" / "table2" / "grid_vit_pu" / "egosynth" / "seed=3"
TRUST = ("egotap_pl",)
MOTION = ("a", "a", "b", "b")
SETTINGS: dict[str, Any] = {"heatmaps": {"source": {}}, "lifter": {}, "data": {"source": {}}}


def condition(*runs: Run) -> Condition:
    (found,) = group([IdentifiedRun(run, run.experiment, (run.experiment,), "tiny", (), ()) for run in runs])
    return found


def measured(run: Run, latency_ms: Any = 12.5, part: str = "images to pose", device: str = "cpu, 1 threads") -> Run:
    row = {"part": part, "runtime": "torch", "latency_ms": latency_ms, "frames_per_s": 200.0}
    others = [{**row, "runtime": "onnx", "latency_ms": 1.0}, {**row, "part": "joint estimator", "latency_ms": 2.0}]
    (run.folder / "benchmark.json").write_text(json.dumps({"device": device, "costs": [*others, row]}))
    return run


def test_what_a_run_has_counted_and_measured(make_run: MakeRun) -> None:
    numbers: Mapping[str, object] = {"network_parameters": 4_000_000, "gflop": 2.5}
    one = make_run("table2/cnn", 1, [40.0] * 4, MOTION, **numbers)
    assert CostReader(TRUST)(one) == RunCost(4_000_000, 2.5)
    assert CostReader(TRUST)(measured(one)) == RunCost(4_000_000, 2.5, 12.5, 200.0, "cpu, 1 threads")
    assert CostReader(TRUST)(measured(one, part="lifter")) == RunCost(4_000_000, 2.5, 12.5, 200.0, "cpu, 1 threads")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"costs": [1], "device": "x"}', "[" * 100_000, '"\\u0000'])
def test_a_damaged_measurement_is_none(content: str, make_run: MakeRun) -> None:
    run = make_run("table2/cnn", 1, [40.0] * 4, MOTION, network_parameters=5, gflop=1.0)
    (run.folder / "benchmark.json").write_text(content)
    assert CostReader(TRUST)(run) == RunCost(5, 1.0)
    for latency in (-1.0, math.nan, "fast", None):
        assert CostReader(TRUST)(measured(run, latency)) == RunCost(5, 1.0)


def test_runs_of_earlier_versions_are_counted_from_their_checkpoint(tmp_path: Path) -> None:
    shutil.copytree(OLD, tmp_path / "run")
    run = Run(tmp_path / "run", {"seed": 3}, json.loads((tmp_path / "run" / "metrics.json").read_text()))
    assert "gflop" not in run.metrics
    cost = CostReader(TRUST)(run)
    assert cost is not None
    assert cost.parameters == sum(p.numel() for p in load_task(run.checkpoint, TRUST)[0].parameters())
    assert 0 < cost.gflop < 1
    assert CostReader(())(Run(tmp_path / "nothing", run.settings, run.metrics)) is None


def test_a_probe_has_no_cost(make_run: MakeRun) -> None:
    run = make_run("table3/cnn", 1, [40.0] * 4, MOTION, network_parameters=5, gflop=1.0)
    metrics = {name: value for name, value in run.metrics.items() if name != "mpjpe"}
    assert CostReader(TRUST)(Run(run.folder, run.settings, metrics)) is None


def test_the_table_has_every_variant_whose_cost_is_known(make_run: MakeRun) -> None:
    runs = [
        make_run("table2/cnn", 1, [60.0] * 4, MOTION, network_parameters=5_000, gflop=0.25),
        measured(make_run("table2/cnn", 2, [50.0] * 4, MOTION, network_parameters=5_000, gflop=0.25)),
        make_run("table2/grid_vit", 1, [40.0] * 4, MOTION, network_parameters=7_000, gflop=1.5),
        make_run("table2/grid_vit_pu", 1, [30.0] * 4, MOTION),
    ]
    table = costs_table(condition(*runs), CostReader(TRUST))
    assert table is not None
    assert [[cell.value for cell in row] for row in table.rows] == [
        [None, 55.0, 5000, 0.25, 12.5, 200.0, None],
        [None, 40.0, 7000, 1.5, None, None, None],
    ]
    assert [row[0].text for row in table.rows] == ["CNN", "Grid ViT"]
    assert table.facts == {}
    assert costs_table(condition(runs[-1]), CostReader(TRUST)) is None
    unmeasured = costs_table(condition(runs[2]), CostReader(TRUST))
    assert unmeasured is not None
    assert f"egotap benchmark checkpoint={runs[2].folder}" in unmeasured.facts["times"]


def draw(*runs: Run) -> Any:
    runs = tuple(Run(run.folder, {**run.settings, **SETTINGS}, run.metrics) for run in runs)
    ((study, _),) = find_studies([condition(*runs)], TRUST, []).every
    return costs_illustration(study, CostReader(TRUST))


def test_the_figure_has_a_point_at_each_methods_error_and_cost(make_run: MakeRun) -> None:
    cnn = [make_run("table2/cnn", k, [e] * 4, MOTION, network_parameters=5, gflop=0.25) for k, e in ((1, 60), (2, 50))]
    vit = make_run("table2/grid_vit", 1, [40.0] * 4, MOTION, network_parameters=7, gflop=1.5)
    unknown = make_run("table2/grid_vit_pu", 1, [30.0] * 4, MOTION)
    drawn = draw(*cnn, vit, unknown)
    (axis,) = drawn.figure.axes
    points = [tuple(float(value[0]) for value in line.lines[0].get_data()) for line in axis.containers]
    assert points == [(0.25, 55.0), (1.5, 40.0)]
    assert axis.get_xscale() == "log"
    assert "CNN 55.0 mm, 0.25 GFLOP" in drawn.caption
    assert "not known: + PU (EgoTAP)" in drawn.caption
    drawn.figure.draw_without_rendering()
    assert draw(vit, unknown) is None


def test_times_are_compared_on_one_device_only(make_run: MakeRun) -> None:
    runs = [
        measured(make_run(f"table2/{name}", 1, [40.0] * 4, MOTION, network_parameters=5, gflop=1.0), latency)
        for name, latency in (("cnn", 3.0), ("grid_vit", 9.0))
    ]
    drawn = draw(*runs)
    assert [float(line.lines[0].get_data()[0][0]) for line in drawn.figure.axes[1].containers] == [3.0, 9.0]
    assert "one frame on cpu, 1 threads" in drawn.caption
    measured(runs[1], device="another")
    assert len(draw(*runs).figure.axes) == 1

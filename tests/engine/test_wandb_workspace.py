"""The saved dashboard: every panel, filter and column names something that runs log."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from offline_wandb import OfflineRun

from egotap_pl.cli.configuration.composing import conf_dir

SCRIPT = Path(__file__).parents[2] / "experiments" / "wandb_workspace.py"
ON_GPUS_ALONE = {"speed/gpu_memory_mib"}  # tests/tasks/test_monitor.py


@pytest.fixture(scope="module")
def script() -> ModuleType:
    pytest.importorskip("wandb_workspaces")
    spec = importlib.util.spec_from_file_location("wandb_workspace", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def named(panel: Any) -> Iterator[Any]:
    """Every metric that a panel names, and every key of the configuration."""
    kind = type(panel).__name__
    yield from {
        "LinePlot": lambda: [panel.x, *panel.y],
        "BarPlot": lambda: panel.metrics,
        "ScatterPlot": lambda: [panel.x, panel.y],
        "MediaBrowser": lambda: panel.media_keys,
        "WeavePanelSummaryTable": lambda: [panel.table_name],
        "ParallelCoordinatesPlot": lambda: [column.metric for column in panel.columns],
    }[kind]()


def value_at(config: dict[str, Any], key: str) -> Any:
    for part in key.split("."):
        config = config[part]
    return config


def test_every_panel_names_what_a_run_has_logged(script: ModuleType, logged: dict[str, OfflineRun]) -> None:
    keys = {key.removesuffix("._type") for run in logged.values() for key in run.keys}
    config = logged["lifter"].config
    panels = [panel for section in script.workspace(script.View("me", "egotap")).sections for panel in section.panels]
    assert len(panels) > 20
    for panel in panels:
        for metric in named(panel):
            if type(metric).__name__ == "Config":
                assert value_at(config, metric.name) is not None
            else:
                name = getattr(metric, "name", metric)
                assert name in keys | ON_GPUS_ALONE, f"{type(panel).__name__} shows {name}, which no run has logged"


def test_every_section_of_what_is_logged_is_shown(script: ModuleType, logged: dict[str, OfflineRun]) -> None:
    sections = script.workspace(script.View("me", "egotap")).sections
    prefixes_of_panels = {
        getattr(metric, "name", metric).partition("/")[0]
        for section in sections
        for panel in section.panels
        for metric in named(panel)
        if type(metric).__name__ != "Config"
    }
    prefixes = {key.partition("/")[0] for run in logged.values() for key in run.keys if "/" in key}
    by_category = {"validation_per_category", "validation_per_category_pa", "test_per_category", "test_per_category_pa"}
    assert prefixes - prefixes_of_panels <= by_category | {"test_per_view"}, "these are in tables"


def test_grouping_filters_and_columns_name_labels_of_runs(script: ModuleType, logged: dict[str, OfflineRun]) -> None:
    view = script.View("me", "egotap", experiments=("table2/cnn", "table2/grid_vit"), multirun="2026-01-01")
    spec = script.described(script.workspace(view))["spec"]
    (runs,) = spec["section"]["runSets"]
    filters = [(entry["key"]["name"], entry["op"], entry["value"]) for entry in runs["filters"]["filters"]]
    assert filters == [("experiment", "IN", ["table2/cnn", "table2/grid_vit"]), ("multirun", "=", "2026-01-01")]
    labels = [*(name for name, _, _ in filters), *(key["name"].removesuffix(".value") for key in runs["grouping"])]
    assert labels[2:] == ["experiment", "heatmaps", "data"]
    assert set(labels) <= set(logged["lifter"].config)
    columns = [name.partition(":") for name in runs["runFeed"]["columnOrder"]]
    assert {name for kind, _, name in columns if kind == "summary"} <= logged["lifter"].keys
    assert {name for kind, _, name in columns if kind == "config"} <= set(logged["lifter"].config)


def test_a_dry_run_needs_no_account(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    script.main(["--dry-run", "--experiment", "table2/cnn"])
    printed = json.loads(capsys.readouterr().out)
    assert printed["name"] == "EgoTAP table2/cnn"
    names = [section["name"] for section in printed["spec"]["section"]["panelBankConfig"]["sections"]]
    assert {"Test", "Test tables", "Validation", "Training", "Pictures", "Throughput"} <= set(names)
    with pytest.raises(SystemExit):
        script.main([])


def test_as_many_frames_are_shown_as_are_logged(script: ModuleType) -> None:
    assert f"frames: {script.FRAMES} " in (conf_dir() / "logger" / "wandb.yaml").read_text()

"""The dashboard of this suite's runs in Weights & Biases: builds it and saves it as a view of a project.

    python experiments/wandb_workspace.py --entity NAME [--project egotap] [--experiment table2/*] [--multirun FOLDER]
    python experiments/wandb_workspace.py --dry-run          # prints the view; needs no account

Needs `pip install 'egotap-pl[wandb]'`. Names of joints and categories are those of a data set: --skeleton.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

from egotap_pl.core.skeleton import egocap, unrealego

SKELETONS = {"unrealego": unrealego, "egocap": egocap}
STEP = "trainer/global_step"
WIDTH, HEIGHT = 8, 8  # of a panel, in a grid that is 24 wide
METHOD = ("experiment", "heatmaps", "data")  # runs that differ in the seed alone are one line
FRAMES = 4  # conf/logger/wandb.yaml


class View(NamedTuple):
    """A dashboard to be built.

    Fields:
        entity: user or team.
        project: where the runs are.
        skeleton: whose joints have panels of their own.
        experiments: presets that are shown; empty for all.
        multirun: folder of the grid that is shown, or None.
    """

    entity: str
    project: str
    skeleton: str = "unrealego"
    experiments: Sequence[str] = ()
    multirun: str | None = None


def workspace(view: View) -> ws.Workspace:
    """The dashboard: results first, then how they came about."""
    joints = SKELETONS[view.skeleton]().estimated_names
    return ws.Workspace(
        entity=view.entity,
        project=view.project,
        name=" ".join(["EgoTAP", *view.experiments, *([view.multirun] if view.multirun else [])]),
        sections=[
            section("Test", test_panels(joints)),
            section("Test tables", [table("per_joint"), table("per_category"), table("per_view")]),
            section("Validation", validation_panels(joints)),
            section("Training", [lines("train/loss"), lines("train/mpjpe"), lines("train/bone_cosine")]),
            section("Pictures", picture_panels()),
            section("Throughput", throughput_panels()),
            section(
                "Estimators", [lines("validation/mse"), lines("train/zero_loss"), bars("test/mse", "test/zeros_mse")]
            ),
        ],
        settings=ws.WorkspaceSettings(x_axis=STEP),
        runset_settings=ws.RunsetSettings(
            filters=filters(view),
            groupby=[ws.Config(name) for name in METHOD],
            order=[ws.Ordering(ws.Summary("test/mpjpe"), ascending=True)],
            pinned_columns=["summary:test/mpjpe", "summary:test/pa_mpjpe", "config:seed"],
        ),
    )


def filters(view: View) -> ws.And | str:
    """Which runs are shown: of the presets and of the grid that are asked for; all by default."""
    chosen = []
    if view.experiments:
        chosen.append(ws.Config("experiment").isin(list(view.experiments)))
    if view.multirun:
        chosen.append(ws.Config("multirun") == view.multirun)
    return ws.And(*chosen) if chosen else ""


def test_panels(joints: Sequence[str]) -> list[Any]:
    """Errors of the test, a bar for every method: mean over seeds, and their spread."""
    return [
        bars("test/mpjpe"),
        bars("test/pa_mpjpe"),
        bars("test/mean_pose_mpjpe"),
        bars(*(f"test_per_joint/{joint}" for joint in joints), title="MPJPE per joint (mm)", width=24, height=16),
        wr.ParallelCoordinatesPlot(
            title="What makes a lifter good",
            columns=[
                wr.ParallelCoordinatesPlotColumn(wr.Config(key), display_name=name, log=log)
                for key, name, log in (
                    ("encoder", "encoder", None),
                    ("propagation", "propagation", None),
                    ("fit.task.optimizer.lr", "learning rate", True),
                    ("fit.epochs", "epochs", None),
                )
            ]
            + [wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric("test/mpjpe"), display_name="test MPJPE")],
            layout=wr.Layout(w=24, h=HEIGHT),
        ),
    ]


def validation_panels(joints: Sequence[str]) -> list[Any]:
    """Errors after every epoch."""
    per_joint = [lines(f"validation_per_joint/{joint}") for joint in joints]
    return [lines("validation/mpjpe"), lines("validation/pa_mpjpe"), *per_joint]


def picture_panels() -> list[Any]:
    """Input, target and estimated heatmaps of some validation frames, and their poses to be turned."""
    poses = [f"poses/frame_{k + 1}" for k in range(FRAMES)]
    wide = wr.Layout(w=24, h=2 * HEIGHT)
    return [
        wr.MediaBrowser(title="Validation frames", media_keys=["pictures/frames"], num_columns=1, layout=wide),
        wr.MediaBrowser(title="Poses: truth blue, estimate red", media_keys=poses, num_columns=FRAMES, layout=wide),
    ]


def throughput_panels() -> list[Any]:
    """What a training costs."""
    return [
        lines("speed/frames_per_s"),
        lines("speed/learning_rate"),
        lines("speed/gpu_memory_mib"),
        bars("test/seconds"),
        wr.ScatterPlot(
            title="Parameters and error",
            x=wr.SummaryMetric("test/parameters"),
            y=wr.SummaryMetric("test/mpjpe"),
            log_x=True,
            layout=wr.Layout(w=WIDTH, h=HEIGHT),
        ),
    ]


def section(name: str, panels: Sequence[Any]) -> ws.Section:
    """An open section."""
    return ws.Section(name=name, panels=list(panels), is_open=True)


def lines(key: str) -> wr.LinePlot:
    """A metric over training steps."""
    return wr.LinePlot(title=key, x=STEP, y=[key], groupby_rangefunc="stderr", layout=wr.Layout(w=WIDTH, h=HEIGHT))


def bars(*keys: str, title: str | None = None, width: int = WIDTH, height: int = HEIGHT) -> wr.BarPlot:
    """Final values."""
    layout = wr.Layout(w=width, h=height)
    return wr.BarPlot(title=title or keys[0], metrics=list(keys), groupby_rangefunc="stderr", layout=layout)


def table(name: str) -> wr.WeavePanelSummaryTable:
    """A table of the test, of all runs that are shown."""
    return wr.WeavePanelSummaryTable(table_name=f"tables/{name}", layout=wr.Layout(w=24, h=12))


def main(arguments: Sequence[str] | None = None) -> None:
    """Save the view, or print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--entity", help="user or team; needed unless --dry-run")
    parser.add_argument("--project", default="egotap")
    parser.add_argument("--skeleton", choices=sorted(SKELETONS), default="unrealego")
    parser.add_argument(
        "--experiment", action="append", default=[], help="a preset that is shown; several times for more"
    )
    parser.add_argument("--multirun", help="folder name of a grid under runs/multirun or runs/sweeps")
    parser.add_argument("--dry-run", action="store_true", help="print the view as JSON and save nothing")
    given = parser.parse_args(arguments)
    if not given.entity and not given.dry_run:
        parser.error("give --entity NAME, or --dry-run")
    view = View(given.entity or "entity", given.project, given.skeleton, given.experiment, given.multirun)
    built = workspace(view)
    if given.dry_run:
        json.dump(described(built), sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    built.save()


def described(built: ws.Workspace) -> dict[str, object]:
    """The view as it would be sent."""
    model = built._to_model()  # the library has no public way
    return {
        "name": model.display_name,
        "spec": json.loads(model.spec.model_dump_json(by_alias=True, exclude_none=True)),
    }


if __name__ == "__main__":
    main()

"""Time and peak memory of each stage of an experiment.

    python experiments/benchmarks/stages.py experiment=quickstart

Stages that `egotap train` runs side by side are run one after the other, each in a process of its own, in a new folder
for data, stages and runs. Memory is that of the process, without those that render or read for it. Any overrides of
`egotap train` can be given.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

import egotap_pl
from egotap_pl.engine.experiment import Experiment

KIB = 1 if sys.platform == "darwin" else 1024
"""Bytes in a unit of `resource.getrusage`."""


def titles(experiment: Experiment) -> list[str]:
    """The stages of an experiment in their order."""
    settings = experiment.settings
    kinds = [f"{kind} estimator" for kind in settings.heatmaps.estimators]
    pretraining = [] if settings.pretraining is None else [settings.pretraining.title]
    cached = ["cached heatmaps"] if settings.heatmaps.cache and kinds else []
    return ["data", *kinds, *pretraining, *cached, "lifter"]


class Cost(NamedTuple):
    """What a stage took."""

    seconds: float
    """By the clock."""
    processor: float
    """Processor time, s, that of other processes included."""
    peak_gb: float
    """Memory of the process at its worst moment."""


def run(title: str, words: Sequence[str]) -> Cost:
    """Run a stage, whose earlier ones are done, in this process."""
    experiment, start = Experiment(egotap_pl.compose(*words)), time.perf_counter()
    if title == "data":
        _ = experiment.data
    elif title == "cached heatmaps":
        _ = experiment.heatmaps
    elif title == "lifter":
        experiment.run()
    elif title.endswith(" estimator"):
        experiment.estimator(title.removesuffix(" estimator"))
    else:
        _ = experiment.pretrained
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    processor = sum(usage.ru_utime + usage.ru_stime for usage in (own, others))
    return Cost(time.perf_counter() - start, processor, own.ru_maxrss * KIB / 1e9)


def in_a_process(title: str, words: Sequence[str]) -> Cost:
    """Run a stage in a process of its own: a peak is for life."""
    call = f"import json, stages; print(json.dumps(stages.run({title!r}, {list(words)!r})), flush=True)"
    code = f"import sys; sys.path[0] = {str(Path(__file__).parent)!r}; {call}"
    printed = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout
    return Cost(*json.loads(printed.splitlines()[-1]))


def main(words: Sequence[str]) -> None:
    table = Table("stage", "s", "processor, s", "peak memory, GB")
    with tempfile.TemporaryDirectory() as folder:
        here = [*words, f"paths.work={folder}/work", f"paths.runs={folder}/runs"]
        for title in titles(Experiment(egotap_pl.compose(*here))):
            cost = in_a_process(title, here)
            table.add_row(title, f"{cost.seconds:.0f}", f"{cost.processor:.0f}", f"{cost.peak_gb:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1:])

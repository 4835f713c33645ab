"""Mistakes on the command line end with one message that names what was probably meant."""

from __future__ import annotations

import pytest
from smoke import Run

from egotap_pl.cli.words import check_words


def message(run: Run, *command: str) -> str:
    """The message of a command that must fail without a traceback and without Hydra's own words."""
    outcome = run(*command, ok=False)
    assert outcome.status == 1
    assert outcome.err.startswith("egotap: ")
    for word in ("Traceback", "Error executing", "hydra.cc", "struct"):
        assert word not in outcome.err
    return outcome.err.removeprefix("egotap: ")


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ("--experiment=quickstart", "--experiment: unknown option; did you mean experiment=quickstart?"),
        ("--experiment quickstart scale=tiny", "--experiment: unknown option; did you mean experiment=quickstart?"),
        ("--seed", "--seed: unknown option; did you mean seed=...?"),
        ("--seed scale=tiny", "--seed: unknown option; did you mean seed=...?"),
        ("experiment quickstart", "experiment: did you mean experiment=quickstart?"),
        ("-m experiment = quickstart", "experiment: did you mean experiment=quickstart?"),
        ("scale=tiny experiment =quickstart", "experiment: did you mean experiment=quickstart?"),
        ("experiment= quickstart", "experiment=: did you mean experiment=quickstart?"),
        ("quickstart seed=1", "quickstart: did you mean experiment=quickstart?"),
        ("table2/cnn", "table2/cnn: did you mean experiment=table2/cnn?"),
        ("experiment", "experiment: a value is missing; overrides have the form key=value"),
        ("fast", "fast: overrides have the form key=value, e.g. experiment=quickstart"),
    ],
)
def test_words_that_are_not_overrides(words: str, start: str, run: Run) -> None:
    assert message(run, "train", *words.split()).startswith(start)


@pytest.mark.parametrize(
    "words",
    [
        "-m seed=1,2 ~probe +training.task.optimizer.foo=1 name=",
        "name= seed=1",
        "--config-dir my_conf lifter/encoder=mine",
        "-cd my_conf --config-dir=my_conf -cn train --config-name=train",
        "--cfg job -p training --package=training -c hydra --resolve",
        "--info config --multirun --help --version",
        "--experimental-rerun multirun.pickle",
        "--multi seed=1,2",
    ],
)
def test_options_of_hydra_and_overrides_are_accepted(words: str) -> None:
    check_words(words.split())

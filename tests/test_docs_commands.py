"""Every command on the pages of the documentation runs, at smoke size.

A new command of `egotap`, on whichever page, is run here without further work: in the folder that
tests/support/reader_folder.py fills, after the replacements of `SMALLER` and with the words of `MORE`. If it reads a
file that is not there, let that module write the file, or let `SMALLER` replace its name. A command of another program
is added to `SCRIPTS`, if it can run, or else to `NOT_RUN`, with the reason. A job script for a cluster is a file, not a
command: put it into a block whose language is not bash (`text`, for example), and the line that submits it into
`NOT_RUN`. A page that tells a story of its own gets a test file, and a line in `OWN_TESTS`.
"""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from commands import prepared
from documented import ROOT, Documented, commands_of, documented
from reader_folder import fill
from smoke import Run

COMMANDS = documented()

OWN_TESTS = {
    "docs/fine-tuning.md": "tests/test_docs_fine_tuning.py",
    "docs/own-data.md": "tests/test_docs_own_data.py",
    "docs/own-headset.md": "tests/test_docs_own_headset.py",
    "docs/newer-datasets.md": "tests/test_docs_newer_datasets.py",
    "docs/weights.md": "tests/cli/test_finished_weights.py",
}
"""Pages whose blocks of commands are run by a test of their own."""

BENCHMARKS = "python experiments/benchmarks/"
"""Commands that begin so are run by tests/test_docs_benchmarks.py."""

NOT_RUN = {
    ".venv/bin/pre-commit install": "changes the hooks of the repository",
    ".venv/bin/python -m pytest tests/nn/test_propagation.py": "runs tests, which run anyway",
    '.venv/bin/python -m pytest tests/nn -k "scan or pu"': "runs tests, which run anyway",
    '.venv/bin/python -m pytest -m "not slow" -n auto tests/data': "runs tests, which run anyway",
    "kalibr_calibrate_cameras --models pinhole-equi pinhole-equi --topics /left /right --bag pairs.bag "
    "--target board.yaml": "a program of others, which needs ROS",
    "python experiments/wandb_workspace.py --entity NAME": "needs an account",
    "wandb sync": "needs an account",
    "egotap train experiment=table2/grid_vit_pu trainer=ddp trainer.devices=4": "needs four GPUs",
    "torchrun --standalone --nproc-per-node=4 -m egotap_pl train experiment=table2/grid_vit_pu trainer=ddp "
    "trainer.devices=4": "needs four GPUs; tests/engine/test_together.py starts torchrun on a CPU",
    **dict.fromkeys(
        (
            "srun --nodes=2 --ntasks-per-node=4 --gpus-per-node=4 --kill-on-bad-exit=1 egotap train "
            "experiment=table2/grid_vit_pu trainer=ddp trainer.devices=4 trainer.nodes=2",
            "egotap train -m experiment=table2/grid_vit_pu trainer=ddp trainer.devices=4 trainer.nodes=2 "
            "hydra/launcher=slurm",
            "egotap train -m 'experiment=glob(table2/*)' seed=1,2,3 trainer=gpu hydra/launcher=slurm "
            "hydra.launcher.partition=gpu hydra.launcher.timeout_min=240",
            "srun --kill-on-bad-exit=1 --cpus-per-task=9 egotap train experiment=table2/grid_vit_pu trainer=ddp "
            "trainer.devices=4",
            'test $? -eq 75 && scontrol requeue "$SLURM_JOB_ID"',
            "egotap train -m 'experiment=glob(table2/*)' data=unrealego data.root=DIR scale=paper seed=1,2,3 "
            "trainer=gpu hydra/launcher=slurm hydra.launcher.timeout_min=720",
        ),
        "needs SLURM; tests/cli/test_launchers.py runs such commands with stand-ins for its programs",
    ),
    "status=$?": "of the shell",
    'if [ "$status" -eq 75 ]; then echo "to be continued"; fi': "of the shell",
    "python experiments/beyond/kernel_ridge.py work/data/egosynth-a1be598205b6": "tests/test_docs_beyond.py does",
    "python experiments/beyond/training_cost.py work/data/egosynth-a1be598205b6 at_cost": "tests/test_docs_beyond.py "
    "does",
    "python experiments/reliability/files.py": "takes minutes",
    "python experiments/reliability/files.py 40 2": "takes minutes",
    "python experiments/reliability/files.py 100 1": "takes minutes",
    'python experiments/reliability/files.py 300 0 "cached heatmaps"': "takes minutes",
    "sudo python experiments/reliability/disks.py --trials 48 --seed 0": "takes an hour, and mounts disks",
    "python experiments/reliability/interruptions.py --trials 50 --seed 0": "takes an hour",
    "tensorboard --logdir runs": "a server, which does not end",
    "tensorboard --logdir .": "a server, which does not end",
    "mlflow ui --backend-store-uri sqlite:///mlflow.db": "a server, which does not end",
}
"""Commands that need what a test has not."""

SCRIPTS = {
    "cp report/tables/table2_*.{md,csv} experiments/table2/results/",
    "python experiments/beyond/smoothing.py runs",
    "python experiments/fidelity/demonstrate.py --source DIR",
    "python experiments/wandb_workspace.py --dry-run",
}
"""Commands of other programs that run in the folder."""

SMALLER = {
    r" seed=[\d,]+(?![\d,]| hydra.sweeper)": "",  # the usual one: what several commands train is trained once
    r" seed=[\d,]+": " seed=0",
    r"'experiment=(glob\(\S+\))'": r"experiment=\1",
    r"glob\(table[12]/\*\)": "table2/grid_vit_pu",  # table1/egotap by another name
    r"glob\(table3/\*\)": "table3/grid_vit",
    r"glob\(propagation/\*\)": "propagation/pu_chain_shifted",
    r"trials=50": "trials=1",
    r"(?<==)table2/grid_vit_pu,(beyond/\w+)\S*": r"\1",  # the other presets of the grid are trained alone
    r" training\.epochs=[\d,]+": "",
    r" data\.frames\.\w+=\d{3,}": "",
    r"egosynth/NAME": "egosynth/first",
    r"runtimes=\[torch,compile,onnx\]": "runtimes=[torch]",
    r" scale=paper": "",
    r" scale\.[\w.]+=\d+": "",
    r" estimators=egosynth_small": "",  # of scale=tiny
    r" trainer=(gpu|cpu)\b": "",  # the usual one, too
    r" --source DIR": "",
    r"smoothing.py runs": "smoothing.py moving",
    r" paths\.runs=at_cost": "",  # what others train, too
    r"(?<= )FILE$": "poses.h5",
    r"checkpoint=FILE": "checkpoint=best.ckpt",
    r"input=PATH": "input=recording",
    r"output=FILE$": "output=file.h5",
    r"source=DIR": "source=published",
    r"runs=DIR output=DIR": "runs=runs output=report",
    r"output=FILE.onnx": "output=egotap.onnx",
    r"frames=6": "frames=1",
    r"store=DIR": "store=stores",
    r"(data=egosynth .*)data.folder=DIR": r"\1data.folder=stores",
    r"(data=npz .*)data.root=DIR": r"\1data.root=recorded",
    r"(data=(unrealego|egocap) .*)data.root=DIR": r"\1data.root=trees/\2",
    r"(layout=(unrealego|egocap) .*)output=DIR": r"\1output=trees/\2",
    r" -m (?!.*(\w,[a-z]|launcher=))": " ",  # one job is left of it, which others train without -m
}
"""Parts of commands, and what stands for them here: fewer seeds and jobs, and the names of the reader's own files."""

MORE = {
    r"egotap (train|prepare|import-weights|benchmark) (?!.*(scale|repeat|checkpoint)=)": "scale=smoke",
    r"egotap benchmark": "seconds=0.01 batch_size=2",
    r"layout=unrealego|data=my_motions": "data.frames.train=2 data.frames.validation=1 data.frames.test=1",
    r"layout=unrealego": "+layout.workers=0",
    r"layout=egocap": "data.frames.train=6 data.frames.validation=1 data.frames.test=1",
    r"data=my_motions|data=upper_body|data=npz|rig=|layout=|data=unrealego |data=egocap ": "data.workers=0",
    r"egotap train .*data=(unrealego|egocap|npz)": "training.epochs=1 estimators.joint.epochs=1 "
    "estimators.limb.epochs=1 estimators.joint.guard=null estimators.limb.guard=null",
    r"egotap train (trainer|logger|init|sweep=\S+ (?!heatmaps=)|data=egosynth )": "heatmaps=truth",
    r"egotap train (experiment=table\S+ )?lifter[./]": "heatmaps=truth",
    r"mount=|data=upper_body|data=egosynth_stick(?!.*layout=)": "data.frames.train=2 "
    "data.frames.validation=1 data.frames.test=1",
    r"egotap train .*sweep=optuna": "hydra.sweeper.trials=1",
    r"egotap train .*logger=": "logger.frames=1",
    r"egotap report": "figures=false",
    r"egotap view": "open=false",
    r"egotap show (?!.*frames=)": "frames=1",
    r"egotap export": "part=lifter",
}
"""Words that are added to commands that match."""


def here(text: str) -> str:
    """A command as it runs here."""
    for part, replacement in SMALLER.items():
        text = re.sub(part, replacement, text)
    return " ".join((text, *(words for part, words in MORE.items() if re.search(part, text))))


def has_own_test(command: Documented) -> bool:
    return (command.page in OWN_TESTS and command.in_block) or command.text.startswith(BENCHMARKS)


def walk_of(command: Documented) -> str:
    """The walk-through that runs a command, or an empty text."""
    program, *words = command.words
    if command.text in NOT_RUN or has_own_test(command) or program != "egotap":
        return ""
    if words[0] not in ("train", "prepare"):
        return "results"
    if re.search(r"data=(unrealego|egocap)|--config-dir|layout=", command.text):
        return "data"
    return "fidelity" if command.page == "docs/fidelity.md" else "experiments"


WALKS = ("results", "data", "experiments", "fidelity")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained run, and with everything that the commands read."""
    place = tmp_path_factory.mktemp("reader")
    with prepared(place) as run:
        fill(place, run)
    return place


@pytest.fixture
def run_here(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `egotap` in the folder."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))  # PYTHONPATH=.
    for name in [name for name in sys.modules if name.partition(".")[0].startswith("my_")]:
        monkeypatch.delitem(sys.modules, name)  # of another test's folder
    return run


@pytest.mark.slow
@pytest.mark.usefixtures("forked_processes")
@pytest.mark.parametrize("walk", WALKS)
def test_the_commands_run(walk: str, run_here: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = [command for command in COMMANDS if walk_of(command) == walk]
    commands.sort(key=lambda command: "layout=" not in command.text)  # these write the files that others read
    wrong = {}
    for text in dict.fromkeys(here(command.text) for command in commands):
        command = Documented("", text, True)
        try:
            with monkeypatch.context() as patch:
                for name in command.environment.keys() - {"PYTHONPATH"}:
                    patch.setenv(name, command.environment[name])
                run_here(*command.words[1:])
        except Exception as error:
            wrong[text] = error
    assert not wrong, "\n".join(f"{text}: {error}" for text, error in wrong.items())


@pytest.mark.slow
def test_the_scripts_run(run_here: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_here("train", "experiment=table2/cnn", "scale=smoke", "heatmaps=truth", "paths.runs=rows")
    run_here("report", "runs=rows", "output=report", "figures=false")
    run_here("train", "data=egosynth_motions", "scale=smoke", "heatmaps=truth", "paths.runs=moving")
    for text in SCRIPTS:
        program, script, *words = Documented("", here(text), True).words
        if program == "python":
            monkeypatch.setattr(sys, "argv", [script, *words])
            runpy.run_path(str(ROOT / script), run_name="__main__")
        else:
            subprocess.run(["bash", "-c", text], cwd=folder, check=True)
    assert len(list((folder / "experiments" / "table2" / "results").iterdir())) > 2


def test_what_the_pages_install_and_make_exists() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for command in COMMANDS:
        program, *words = command.words
        if program == "make":
            subprocess.run(["make", "--dry-run", *words], cwd=ROOT, check=True, capture_output=True)
        if program == "pip":
            (extra,) = re.findall(r"^install egotap-pl\[(\w+)\]$", " ".join(words))
            assert re.search(rf"^{extra} = \[", project, re.M), command


def test_every_command_is_run_or_has_a_reason_not_to_be() -> None:
    texts = {command.text for command in COMMANDS}
    assert texts >= NOT_RUN.keys(), "commands that are on no page any more"
    assert texts >= SCRIPTS, "commands that are on no page any more"
    assert not SCRIPTS & NOT_RUN.keys()
    for command in COMMANDS:
        is_known = command.text in SCRIPTS or command.text in NOT_RUN or command.words[0] in ("make", "pip")
        assert walk_of(command) or is_known or has_own_test(command), f"{command}: see the top of this file"
        assert not (command.text in NOT_RUN and has_own_test(command)), f"{command} is run by a test"
    for name in OWN_TESTS.values():
        assert (ROOT / name).is_file()
    for part in SMALLER:
        assert any(re.search(part, text) for text in texts), f"{part}: replaces nothing any more"


def test_commands_of_a_page() -> None:
    page = """`egotap train` alone is a name, `egotap train ... seed=1` an example,
    `egotap show store=DIR [split=test]` is a command.
    ```bash
    # a comment
    PYTHONPATH=. egotap train \\
        seed=1   # another
    make docs
    ```
    ```
    a drawing
    python script.py
    ```
    """
    page = re.sub("^    ", "", page, flags=re.M)
    assert list(commands_of(page)) == [
        ("PYTHONPATH=. egotap train seed=1", True),
        ("make docs", True),
        ("python script.py", True),
        ("egotap show store=DIR", False),
    ]

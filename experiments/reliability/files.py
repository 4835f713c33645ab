"""Damaged and hostile files: what comes of flipped bits, cuts, zeros, noise and absurd numbers in files that are read.

python experiments/reliability/files.py [trials of each file] [seed] [part of the names of files, e.g. recording]

Each trial damages a file and reads it, and what belongs to it, in a process of its own, with a limit on its time and
memory. It must give the same content as before, or be refused with an `EgotapError`. Files without checksums may give
other values. Anything else is listed, with the number of the trial.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from egotap_pl import compose, train
from egotap_pl.analysis.predictions import Predictions
from egotap_pl.cli.configuration.presets import Identifier
from egotap_pl.core.batch import Heatmaps
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.egosynth import EgoSynthSource
from egotap_pl.data.preparation.prepare import prepare
from egotap_pl.data.recordings.inputs import open_input
from egotap_pl.data.store.codec import Codec, JpegCodec, PngCodec, RawCodec
from egotap_pl.data.store.heatmaps import HeatmapStore, HeatmapWriter
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.untrusted.readers import load_npy, read_json
from egotap_pl.engine.checkpoints.files import CheckpointFiles
from egotap_pl.engine.checkpoints.loading import read_checkpoint
from egotap_pl.engine.runs.results import read_log
from egotap_pl.report.making import ReportOptions, known_presets, make_report
from egotap_pl.synth.motion import ProceduralMotions
from egotap_pl.synth.mount import glasses

SECONDS, MIB = 20, 2**20
"""Processor time of a trial."""
WAIT_S = 600
"""Time after which a trial that uses no processor is ended."""
MEMORY = 1024 * MIB
"""Memory of a trial, in addition to that of the program."""
FRAMES, IMAGE_PX = 8, 32
SAME, OTHER, REFUSED = "same content", "other values", "refused"
TRACEBACK, HANG, CRASH = "traceback", f"more than {SECONDS} s", "crash"
IDENTIFIER = Identifier(known_presets())
"""Remembers the presets, which takes longer than all else in a small report."""
OUTCOMES = (SAME, OTHER, REFUSED, TRACEBACK, HANG, CRASH)


class Kind(NamedTuple):
    """A file that is damaged."""

    path: Path
    """The file."""

    read: Callable[[Path], Any]
    """Reads the file, and what belongs to it."""

    has_checksums: bool = True
    """Whether damage must be noticed."""


def flip(data: bytearray, random: np.random.Generator) -> None:
    """Flip a bit."""
    data[random.integers(len(data))] ^= 1 << int(random.integers(8))


def cut(data: bytearray, random: np.random.Generator) -> None:
    """Remove the end."""
    del data[random.integers(len(data)) :]


def zero(data: bytearray, random: np.random.Generator) -> None:
    """Overwrite a block of a disk with zeros."""
    start = int(random.integers(len(data) // 512 + 1)) * 512
    data[start : start + 4096] = bytes(len(data[start : start + 4096]))


def scramble(data: bytearray, random: np.random.Generator) -> None:
    """Overwrite up to 64 bytes with noise."""
    start, count = int(random.integers(len(data))), int(random.integers(1, 65))
    data[start : start + count] = random.bytes(len(data[start : start + count]))


def absurd(data: bytearray, random: np.random.Generator) -> None:
    """Overwrite a number of 8 bytes with one that is far too large."""
    start = int(random.integers(len(data) // 8 + 1)) * 8
    value = (2**31, 2**32 - 1, 2**48, 2**63, 2**64 - 1)[random.integers(5)]
    data[start : start + 8] = value.to_bytes(8, "little")[: len(data[start : start + 8])]


DAMAGES = (flip, cut, zero, scramble, absurd)


def stored(path: Path) -> Any:
    """Everything that a frame store gives."""
    store = FrameStore(path)
    batch, names = store.read(range(len(store))), store.name_frames(range(len(store)))
    return [
        *(value.numpy() for value in batch if value is not None),
        *map(list, names),
        store.header.to_json(),
    ]


def predicted(path: Path) -> Any:
    """Poses and names of predictions."""
    predictions = Predictions.read(path)
    return [predictions.pose_cm, predictions.truth_cm, predictions.visibility, predictions.row, predictions.motion]


def cached(path: Path) -> Any:
    """Cached heatmaps."""
    return [value.numpy() for value in HeatmapStore(path, FRAMES).read(range(FRAMES))]


def checkpointed(path: Path) -> Any:
    """Names and values of a checkpoint."""
    content = read_checkpoint(path)
    return [{name: value.numpy().tobytes() for name, value in content["state_dict"].items()}, content["epoch"]]


def json_of(path: Path) -> Any:
    """Content of a JSON file of a data set."""
    return read_json(path, MIB)


def npy_of(path: Path) -> Any:
    """An array of objects of a data set."""
    return repr(load_npy(path, MIB))


def recorded(*paths: Path) -> Any:
    """All frames of a recording."""
    recording = open_input(paths, "test", unrealego(), IMAGE_PX)
    return [(batch.batch.images.numpy(), batch.name) for batch in recording.batches(3)]


def reported(folder: Path) -> Any:
    """A report of the run in a folder, and what its figures would show: test poses and the training log."""
    options = ReportOptions(folder / "data", figures=False)
    with tempfile.TemporaryDirectory() as output:
        report = make_report([folder], Path(output), IDENTIFIER, options, Progress(disable=True))
        text = report.text.read_text(encoding="utf-8")
    for line in report.missing:
        if str(folder) in line:  # how a report says that a file of a run is damaged
            raise EgotapError(line)
    lines = [line for line in text.splitlines() if "report made" not in line]
    return report.tables, lines, predicted(folder / "predictions.h5"), read_log(folder / "metrics.csv")


def make_files(folder: Path) -> dict[str, Kind]:
    """A file of each kind, with its reader."""
    return {
        **make_own_files(folder),
        **{f"recording, {name}": kind for name, kind in make_recordings(folder)},
        **{f"foreign run, {name}": kind for name, kind in make_run(folder / "run")},
    }


def make_recordings(folder: Path) -> Iterator[tuple[str, Kind]]:
    """A file of each kind of recording."""
    random = np.random.default_rng(0)
    sides = random.integers(0, 256, (2, FRAMES, IMAGE_PX, IMAGE_PX, 3), dtype=np.uint8)
    for suffix in ("png", "jpg"):
        images = folder / suffix
        for side, frames in zip(("left", "right"), sides, strict=True):
            (images / side).mkdir(parents=True)
            for number, frame in enumerate(frames):
                Image.fromarray(frame).save(images / side / f"{number}.{suffix}")
        path = images / "right" / f"3.{suffix}"
        yield f"{suffix} images", Kind(path, lambda path: recorded(path.parent.parent), suffix == "png")
    for suffix, codec in {"mp4": "mpeg4", "mkv": "ffv1", "avi": "mjpeg"}.items():
        path = folder / f"both.{suffix}"
        with av.open(str(path), "w") as video:
            stream: Any = video.add_stream(codec, rate=30)
            stream.width, stream.height = 2 * IMAGE_PX, IMAGE_PX
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for frame in np.concatenate(list(sides), axis=2):
                video.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            video.mux(stream.encode())
        yield f"{suffix} ({codec})", Kind(path, recorded, False)
    yield "h5", Kind(store_path(folder / "png codec", "train"), recorded)


def make_run(folder: Path) -> Iterator[tuple[str, Kind]]:
    """Each file of a finished run, as a report of it reads them."""
    paths = [f"paths.{name}={folder}" for name in ("work", "runs")]
    run = train(compose("scale=smoke", "heatmaps=truth", "data.workers=0", *paths)).folder
    for name in ("config.yaml", "run.json", "metrics.json", "metrics.csv", "predictions.h5", "done.json"):
        yield name, Kind(run / name, lambda path: reported(path.parent), name.endswith(".h5"))


def make_own_files(folder: Path) -> dict[str, Kind]:
    """A file of each kind that this program writes, or that data sets consist of."""
    files: dict[str, Kind] = {}
    counts = {"train": FRAMES, "validation": 1, "test": 1}
    codecs: dict[str, Codec] = {"raw": RawCodec(), "png": PngCodec(), "jpeg": JpegCodec()}
    for name, codec in codecs.items():
        source = EgoSynthSource(unrealego(), glasses(), [ProceduralMotions()], counts, counts, image_px=IMAGE_PX)
        prepare(source, folder / f"{name} codec", codec, workers=0, console=Console(quiet=True))
        files[f"frame store, {name}"] = Kind(store_path(folder / f"{name} codec", "train"), stored)
    random, joints = np.random.default_rng(0), len(unrealego().estimated)
    pose_cm, truth_cm = random.normal(size=(2, FRAMES, joints, 3)).astype(np.float32)
    texts, rows = tuple(f"motion {k}" for k in range(FRAMES)), np.arange(FRAMES)
    seen = np.ones((FRAMES, 2, joints), np.uint8)
    predictions = Predictions(pose_cm, truth_cm, seen, rows, texts, texts, texts, rows, unrealego(), "f" * 64, "test")
    predictions.write(folder / "predictions.h5")
    files["predictions"] = Kind(folder / "predictions.h5", predicted)
    for name, rounded in {"cached heatmaps": True, "cached heatmaps, half floats": False}.items():
        with HeatmapWriter(folder / f"{name}.h5", FRAMES, rounded) as writer:
            writer.append(Heatmaps(torch.rand(FRAMES, 2, 15, 8, 8), torch.rand(FRAMES, 2, 15, 2, 8, 8)))
        files[name] = Kind(folder / f"{name}.h5", cached)
    weights = {f"layer{k}.weight": torch.rand(40, 40) for k in range(20)}
    CheckpointFiles().save_checkpoint({"state_dict": weights, "epoch": 3}, folder / "best.ckpt")
    files["checkpoint"] = Kind(folder / "best.ckpt", checkpointed)
    (folder / "frame.json").write_text(json.dumps({f"joint{k}": [1.5 * k, [k, "name"]] for k in range(60)}))
    files["json of a data set"] = Kind(folder / "frame.json", json_of, False)
    content = np.array({f"joint{k}": np.arange(6.0) for k in range(20)}, dtype=object)
    np.save(folder / "frame.npy", content, allow_pickle=True)
    files["npy of a data set"] = Kind(folder / "frame.npy", npy_of, False)
    return files


def outcome(path: Path, read: Callable[[Path], Any], expected: bytes) -> str:
    """Read a file in a process of its own."""
    child = os.fork()
    if not child:
        os._exit(_trial(path, read, expected))
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
                return HANG
            return (SAME, OTHER, REFUSED, TRACEBACK)[os.WEXITSTATUS(status)] if os.WIFEXITED(status) else CRASH
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return HANG


def _trial(path: Path, read: Callable[[Path], Any], expected: bytes) -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)
    try:
        return 0 if pickle.dumps(read(path)) == expected else 1
    except EgotapError:
        return 2
    except BaseException:  # the finding
        traceback.print_exc()
        return 3


def main(trials: int, seed: int, part: str) -> None:
    """Run the trials of the files whose names contain ``part``, and print a table of their outcomes, as Markdown."""
    torch.set_num_threads(1)
    print(f"| file | bytes | {' | '.join(OUTCOMES)} |\n|---|{'--:|' * (len(OUTCOMES) + 1)}")
    bad: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        for name_of_kind, kind in make_files(Path(name)).items():
            if part not in name_of_kind:
                continue
            content, counts = kind.path.read_bytes(), Counter[str]()
            expected = pickle.dumps(kind.read(kind.path))
            for trial in range(trials):
                random, data = np.random.default_rng([seed, trial]), bytearray(content)
                damage = DAMAGES[trial % len(DAMAGES)]
                damage(data, random)
                kind.path.write_bytes(data)
                result = outcome(kind.path, kind.read, expected)
                counts[result] += 1
                if result in (TRACEBACK, HANG, CRASH) or (result == OTHER and kind.has_checksums):
                    bad.append(f"{name_of_kind}, trial {trial} ({damage.__name__}): {result}")
            kind.path.write_bytes(content)
            cells = (name_of_kind, len(content), *(counts[result] for result in OUTCOMES))
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
    for line in bad:
        print(line)


if __name__ == "__main__":
    words = (*sys.argv[1:], *("100", "0", "")[len(sys.argv) - 1 :])
    main(int(words[0]), int(words[1]), words[2])

"""Stereo frames per second of EgoSynth's renderer: motion, body, scene, pictures and truth, nothing left out.

    python experiments/benchmarks/render.py [--takes 12]

Each take is a new subject, scene and motion, as `egotap prepare data=egosynth` renders them.
"""

from __future__ import annotations

import argparse
import resource
import time
from multiprocessing import get_context

from egotap_pl.core import skeleton
from egotap_pl.data.egosynth import EgoSynthSource, Take
from egotap_pl.synth.motion import ProceduralMotions
from egotap_pl.synth.mount import glasses

_FRAMES = 32


def _source(image_px: int, takes: int) -> EgoSynthSource:
    counts = {"train": max(takes, 30) * _FRAMES, "validation": _FRAMES, "test": _FRAMES}
    people = {"train": 8, "validation": 2, "test": 2}
    motions = [ProceduralMotions(per_category=8)]
    return EgoSynthSource(skeleton.unrealego(), glasses(), motions, counts, people, image_px, frames_per_take=_FRAMES)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _render(job: tuple[EgoSynthSource, list[Take]]) -> tuple[int, float, float, float]:
    """Frames, processor seconds, and when the work began and ended; the first take only warms up."""
    source, takes = job
    source.read(takes[0])
    began, cpu = time.time(), _cpu_seconds()
    frames = sum(len(source.read(take).images) for take in takes[1:])
    return frames, _cpu_seconds() - cpu, began, time.time()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--takes", type=int, default=12, help="takes per process")
    takes = parser.parse_args().takes + 1
    for image_px in (128, 256):
        for processes in (1, 2):
            source = _source(image_px, takes * processes)
            plan = list(source.plan("train"))
            jobs = [(source, plan[k * takes : (k + 1) * takes]) for k in range(processes)]
            with get_context("spawn").Pool(processes) as pool:
                done = pool.map(_render, jobs, chunksize=1)
            frames = sum(d[0] for d in done)
            seconds = max(d[3] for d in done) - min(d[2] for d in done)
            cpu = sum(d[1] for d in done)
            print(
                f"{image_px} px, {processes} process(es): {frames / seconds:.1f} stereo frames/s, "
                f"{frames / cpu:.1f} per processor second"
            )


if __name__ == "__main__":
    main()

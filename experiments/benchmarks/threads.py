"""How many threads train fastest, on an idle and on a busy machine, and how they should wait for each other.

    python experiments/benchmarks/threads.py --busy 0 1 2 --rounds 5

A training step at scale=tiny, with an optimiser. Every way is a process of its own (or two, side
by side), because OpenMP reads its settings when it is loaded. The ways take turns: in every round, each of them does a
few steps while the others sleep. ``--busy N`` counts other programs that compute beside them all the time. A spin count
of 0 is OMP_WAIT_POLICY=PASSIVE.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from itertools import chain
from typing import Any, NamedTuple

import torch
from models import SCALES, estimator, lifter
from omegaconf import OmegaConf

from egotap_pl.core.skeleton import unrealego

BATCH = {"estimator": 8, "lifter": 32}
"""Frames of a step in the demo."""
BUSY = "while True: sum(range(100000))"


class Way(NamedTuple):
    """A way of running steps."""

    name: str
    threads: int
    processes: int
    environment: dict[str, str]


def ways(cpus: int, counts: Sequence[str]) -> list[Way]:
    """One thread; all threads, with different ways of waiting; side by side."""
    some = [Way("one thread", 1, 1, {})]
    for threads in sorted({2, cpus} - {1}):
        for count in counts:
            environment = {} if count == "default" else {"GOMP_SPINCOUNT": count}
            some.append(Way(f"{threads} threads, spin count {count}", threads, 1, environment))
    share = max(cpus // 2, 1)
    some.append(Way(f"side by side, {share} thread{'s' * (share > 1)} each", share, 2, {"GOMP_SPINCOUNT": "0"}))
    return some


def serve(network: str, threads: int) -> None:
    """In a process of its own: do as many steps as each line of the standard input says."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    skeleton, scale = unrealego(), OmegaConf.load(SCALES / "tiny.yaml")
    maps = (BATCH[network], 2, skeleton.num_heatmap_joints)
    if network == "estimator":
        net, inputs = estimator(skeleton, scale), [torch.randn(BATCH[network], 2, 3, scale.image_px, scale.image_px)]
    else:
        px = scale.heatmap_px
        net, inputs = lifter(skeleton, scale), [torch.rand(*maps, px, px), torch.rand(*maps, 2, px, px)]
    optimizer = torch.optim.Adam(net.parameters(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        net(*inputs).square().mean().backward()
        optimizer.step()

    step()
    print("ready", flush=True)
    for line in sys.stdin:
        for _ in range(int(line)):
            step()
        print("done", flush=True)


def start(way: Way, network: str) -> list[subprocess.Popen[str]]:
    clean = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS")}
    environment = {**clean, "OMP_NUM_THREADS": str(way.threads), **way.environment}
    command = [sys.executable, __file__, "--serve", network, str(way.threads)]
    pipe = subprocess.PIPE
    return [
        subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) for _ in range(way.processes)
    ]


def ask(processes: Sequence[subprocess.Popen[str]], steps: int) -> float:
    """Seconds until all processes have done so many steps."""
    begin = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{steps}\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    return time.perf_counter() - begin


def measure(network: str, busy: int, some: Sequence[Way], rounds: int, steps: int) -> list[tuple[Way, float]]:
    """Milliseconds a frame of every way: the median over the rounds."""
    servers = [(way, start(way, network)) for way in some]
    for process in chain.from_iterable(some for _, some in servers):
        assert process.stdout is not None
        process.stdout.readline()
    others = [subprocess.Popen([sys.executable, "-c", BUSY], text=True) for _ in range(busy)]
    times: dict[str, list[float]] = {way.name: [] for way, _ in servers}
    try:
        for _ in range(rounds):
            for way, processes in servers:
                frames = steps * BATCH[network] * way.processes
                times[way.name].append(1000 * ask(processes, steps) / frames)
    finally:
        programs: list[subprocess.Popen[Any]] = [*others, *chain.from_iterable(some for _, some in servers)]
        for program in programs:
            program.kill()
            program.wait()
    return [(way, statistics.median(times[way.name])) for way, _ in servers]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 2], help="other programs that compute")
    parser.add_argument("--network", nargs="+", default=list(BATCH), choices=list(BATCH))
    parser.add_argument("--spin", nargs="+", default=["default", "0", "1000", "20000"], help="values of GOMP_SPINCOUNT")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="steps of each way in each round")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve[0], int(args.serve[1]))
        return
    print(f"{len(os.sched_getaffinity(0))} processors, torch {torch.__version__}, {date.today()}")
    for network in args.network:
        for busy in args.busy:
            before = os.getloadavg()[0]
            rows = measure(network, busy, ways(len(os.sched_getaffinity(0)), args.spin), args.rounds, args.steps)
            load = f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after"
            print(f"\n{network}, {busy} other programs ({load}): ms a frame, and its ratio to one thread")
            for way, ms in rows:
                print(f"| {way.name} | {ms:.1f} | {ms / rows[0][1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()

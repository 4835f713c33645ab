"""A report with everything that a page can show, and names that try to break out of it."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from egotap_pl.core.skeleton import Skeleton, unrealego
from egotap_pl.report.contents import Cell, Illustration, Report, Table, ViewerScene

HOSTILE = """</script></style><script>window.broken = 1</script>"'><img src=x onerror="window.broken=1">&amp;${title}"""
FRAMES = (5, 21)  # of two motions
METHODS = ("EgoTAP", HOSTILE, "third", "fourth", "fifth", "sixth", "seventh")


def image_colour(frame: int, view: int) -> tuple[int, int, int]:
    """Every frame and view has a colour of its own."""
    return 9 * frame, 200 if view else 60, 230 - 8 * frame


def made_scene() -> ViewerScene:
    """Two motions; methods err by a step along X that grows with the frame."""
    generator, skeleton, n = np.random.default_rng(0), unrealego(), sum(FRAMES)
    images = np.zeros((n, 2, 3, 32, 32), np.uint8)
    for frame in range(n):
        for view in range(2):
            images[frame, view] = np.reshape(image_colour(frame, view), (3, 1, 1))
    maps = np.zeros((n, 2, 3, 8, 8), np.uint8)
    maps[:, :, 0] = 100  # red everywhere
    truth = generator.uniform(-60, 60, (n, 16, 3)).astype(np.float32)
    estimates = {}
    for number, name in enumerate(METHODS):
        pose = truth.copy()
        pose[:, :, 0] += 0.1 * (number + 1) * (1 + np.arange(n, dtype=np.float32))[:, None]
        estimates[name] = pose
    estimates["third"][3, 2, 1] = np.nan
    return ViewerScene(
        skeleton=skeleton,
        motion=["walk"] * FRAMES[0] + [HOSTILE] * FRAMES[1],
        category=["walking"] * FRAMES[0] + [HOSTILE] * FRAMES[1],
        frame_number=[10 * k for k in range(n)],
        images=images,
        heatmaps=maps,
        visibility=generator.integers(1, 4, (n, 2, 16)).astype(np.uint8),
        truth_cm=truth,
        estimates_cm=estimates,
        note="All test frames.",
    )


def turned_scene() -> ViewerScene:
    """Truth on a line, and a method that has every joint at its end, which is right, down and near in the camera."""
    skeleton = Skeleton("pair", ("root", "tip"), (0, 0), estimates_root=True)
    truth = np.array([[[0, 0, 0], [40, 40, 40]]], np.float32)
    estimate = np.array([[[45, 40, 35], [45, 40, 35]]], np.float32)
    return ViewerScene(
        skeleton, ["m"], ["c"], [0], None, None, np.zeros((1, 2, 2), np.uint8), truth, {"method": estimate}
    )


def partly_known_scene() -> ViewerScene:
    """Frames of an arm: all is known, the tip is not, nothing is. A method is off by 1, 2 and 4 cm."""
    skeleton = Skeleton("arm", ("root", "middle", "tip"), (0, 0, 1), estimates_root=True)
    truth = np.tile(np.array([[0, 0, 0], [0, 0, 20], [0, 0, 40]], np.float32), (3, 1, 1))
    estimate = truth + np.array([[1, 0, 0], [0, 2, 0], [4, 0, 0]], np.float32)
    truth[1, 2], truth[2] = np.nan, np.nan
    visibility = np.zeros((3, 2, 3), np.uint8)
    return ViewerScene(skeleton, ["m"] * 3, ["c"] * 3, [0, 1, 2], None, None, visibility, truth, {"method": estimate})


def made_report() -> Report:
    """Tables, a figure and a scene."""
    rows = (("b", 10.5), ("a", 9.25), ("none", None), ("c", -3.0))
    errors = tuple(
        (
            Cell(name),
            Cell("—" if value is None else f"{value:.2f}", value, best=name == "c"),
            Cell(f"{name} 10"),
            Cell("x", value, low=None if value is None else value - 1, high=None if value is None else value + 1),
        )
        for name, value in rows
    )
    wide = tuple(f"column {k}" for k in range(30))
    figure = Figure(figsize=(6, 3))
    figure.add_subplot().plot([0, 1], [0, 1])
    return Report(
        title=f"Report {HOSTILE}",
        facts={"seeds": "1, 2", HOSTILE: HOSTILE},
        missing=["table2/cnn, seed 3", HOSTILE],
        tables=(
            Table(
                "errors", "Errors (egosynth)", "In mm.", ("method", "MPJPE", "words", "interval"), errors, ("A note.",)
            ),
            Table("wide", HOSTILE, HOSTILE, ("row", *wide), ((Cell(HOSTILE), *(Cell("1.0", 1.0) for _ in wide)),)),
        ),
        illustrations=(Illustration("line", "A line", f"It rises. {HOSTILE}", f"A rising line {HOSTILE}", figure),),
        scene=made_scene(),
    )

"""The viewer's data as blocks of the page: poses as int16 in base64, pictures as sheets of JPEG."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from html import escape

import numpy as np
from jaxtyping import Float, Int16, UInt8
from PIL import Image

from egotap_pl.figures.drawing import sign_of_left
from egotap_pl.report.contents import ViewerScene

STEP_CM = 0.01
"""Unit of the coordinates: 0.1 mm, far below what the viewer resolves."""
NOT_FINITE = -32768
"""In place of a coordinate that is not a number."""
SHEET_FRAMES = 8
"""Frames of a JPEG. Its tables are stored once for all of them, and it is decoded in less time than a frame lasts."""
COMPARED = (
    "The true pose and what the methods made of it, in the left camera’s axes. Filled joints are seen by at least one "
    "camera, hollow ones by none."
)
ALONE = {
    "truth": (
        "The true pose, in the left camera’s axes. Filled joints are seen by at least one camera, hollow ones by none."
    ),
    "estimate": "Estimated poses, in the left camera’s axes. Nothing is known to be true.",
}
HOW = (
    "The grid has 25 cm squares, across the camera’s line of sight at the motion’s lowest joint. Drag to turn; pinch, "
    "or click and scroll, to zoom."
)
"""Captions of the viewer."""
IMAGE_QUALITY, MAP_QUALITY = 68, 85


def viewer_section(scene: ViewerScene, controls: str) -> str:
    """The viewer: a note on its frames, its controls, and its data.

    Args:
        scene: what it shows.
        controls: HTML of the controls.
    """
    poses = COMPARED if scene.estimates_cm else ALONE[scene.reference]
    captions = [text for text in (scene.note, f"{poses} {HOW}") if text]
    return "".join(f'<p class="caption">{escape(text)}</p>\n' for text in captions) + controls + scene_data(scene)


def scene_data(scene: ViewerScene) -> str:
    """The data blocks that viewer.js reads: names and numbers as JSON, and poses and pictures that it decodes later."""
    poses = [scene.truth_cm, *scene.estimates_cm.values()]
    step_cm = max(STEP_CM, *(_largest(pose) / 32767 for pose in poses))
    about = {
        "joints": scene.skeleton.estimated_names,
        "bones": scene.skeleton.estimated_limbs,
        "frames": len(scene),
        "frameNumber": [int(number) for number in scene.frame_number],
        "motions": _motions(scene),
        "methods": list(scene.estimates_cm),
        "leftSign": sign_of_left(scene.truth_cm, scene.skeleton),
        "reference": scene.reference,
        "stepCm": step_cm,
        "notFinite": NOT_FINITE,
        "views": scene.visibility.shape[1],
        "sheetFrames": SHEET_FRAMES,
        "imagePx": None if scene.images is None else scene.images.shape[-2:],
        "mapPx": None if scene.heatmaps is None else scene.heatmaps.shape[-2:],
    }
    blocks = [f'<script type="application/json" id="scene">{_json(about)}</script>']
    for number, pose in enumerate(poses):
        blocks.append(_block(f"scene-pose-{number}", packed(pose, step_cm).tobytes()))
    blocks.append(_block("scene-visibility", np.ascontiguousarray(scene.visibility).tobytes()))
    for kind, pictures, quality in (("image", scene.images, IMAGE_QUALITY), ("map", scene.heatmaps, MAP_QUALITY)):
        if pictures is not None:
            blocks += [_block(f"scene-{kind}-{k}", sheet) for k, sheet in enumerate(sheets(pictures, quality))]
    return "\n".join(blocks)


def packed(pose_cm: Float[np.ndarray, "n j 3"], step_cm: float) -> Int16[np.ndarray, "n j 3"]:
    """Coordinates in steps, little-endian, `NOT_FINITE` where one is not a number.

    Args:
        pose_cm: joints of n frames.
        step_cm: length of a step.
    """
    steps = np.clip(np.rint(np.asarray(pose_cm, np.float64) / step_cm), -32767, 32767)
    return np.where(np.isfinite(pose_cm), steps, NOT_FINITE).astype("<i2")


def sheets(pictures: UInt8[np.ndarray, "n v 3 h w"], quality: int) -> Iterator[bytes]:
    """JPEGs of `SHEET_FRAMES` frames each: a row per frame, views side by side.

    Args:
        pictures: RGB images of n frames and v views.
        quality: of the JPEGs, 1 to 95.
    """
    for first in range(0, len(pictures), SHEET_FRAMES):
        part = pictures[first : first + SHEET_FRAMES]
        n, v, _, h, w = part.shape
        file = io.BytesIO()
        pixels = part.transpose(0, 3, 1, 4, 2).reshape(n * h, v * w, 3)
        Image.fromarray(np.ascontiguousarray(pixels)).save(
            file, "JPEG", quality=quality, optimize=True, subsampling="4:4:4" if quality > 80 else "4:2:0"
        )
        yield file.getvalue()


def _motions(scene: ViewerScene) -> list[dict[str, object]]:
    """Name, category, first frame and number of frames of every motion."""
    motions: list[dict[str, object]] = []
    for frame, (motion, category) in enumerate(zip(scene.motion, scene.category, strict=True)):
        if frame == 0 or (motion, category) != (scene.motion[frame - 1], scene.category[frame - 1]):
            motions.append({"name": str(motion), "category": str(category), "first": frame, "count": 0})
        motions[-1]["count"] = frame + 1 - int(str(motions[-1]["first"]))
    return motions


def _largest(pose_cm: Float[np.ndarray, "n j 3"]) -> float:
    finite = np.abs(pose_cm[np.isfinite(pose_cm)])
    return float(finite.max()) if finite.size else 0.0


def _block(name: str, content: bytes) -> str:
    return f'<script type="text/plain" id="{name}">{base64.b64encode(content).decode()}</script>'


def _json(value: object) -> str:
    """JSON for a script element. Without ``<``, nothing in it ends the element or begins a comment."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")

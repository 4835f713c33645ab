"""Bodies seen by the cameras of a headset, as frame stores: what the readers of newer data sets must give back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from egotap_pl.core.batch import Visibility
from egotap_pl.core.camera import PolynomialCamera, StereoRig
from egotap_pl.core.categories import CATEGORIES
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.preparation.parts import header_of
from egotap_pl.data.source import SPLITS, Frames
from egotap_pl.data.store.codec import RawCodec
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.store.writer import write_store

PX = 64
COUNTS = {"train": 10, "validation": 4, "test": 6}
NAMES = {"train": ("anna", "ben"), "validation": ("cleo", "cleo"), "test": ("dan", "eve")}


def tilted_rig() -> StereoRig:
    """Two cameras whose axes are 5 degrees apart, 11 cm from each other, the right one at +X of the left one."""
    camera = PolynomialCamera.unrealego()
    turned = Rotation.from_euler("yxz", (4.0, -2.0, 2.2), degrees=True).as_matrix()
    return StereoRig.of("tilted", (camera, camera), turned, turned @ (-11.0, 0.4, 0.2))


class Bodies:
    """A source of frames of bodies below a headset, two motions in each split."""

    skeleton = unrealego()
    image_px = PX
    categories = CATEGORIES

    def __init__(self, rig: StereoRig) -> None:
        self.rig = rig

    def identity(self) -> dict[str, Any]:
        return {"source": "bodies"}

    def splits(self) -> tuple[str, ...]:
        return SPLITS

    def plan(self, split: str) -> list[Any]:
        return []

    def read(self, piece: Any) -> Frames:
        return self.frames(piece)

    def frames(self, split: str) -> Frames:
        random, count = np.random.default_rng(SPLITS.index(split)), COUNTS[split]
        rest_pose = np.array(  # from the head, which is nearest, to the feet
            [[0, -5, 8], [0, 0, 20]]
            + [[x * s, 5 * (j % 3), 25 + 11 * j] for j, x in enumerate((18, 25, 22, 9, 10, 11, 12)) for s in (-1, 1)],
            float,
        )
        left = torch.from_numpy(rest_pose + random.normal(0, 5, (count, 16, 3)) + random.normal(0, 2, (count, 1, 3)))
        pelvis = rest_pose[8:10].mean(0) + random.normal(0, 2, (count, 3))
        points, inside = self.rig.project(left)
        ramp = np.arange(PX) * 2
        images = random.integers(0, 120, (count, 2, 3, 1, 1)) + (ramp[:, None] + ramp[None]) // 2
        first, second = NAMES[split]
        half = count // 2
        return Frames(
            images=images.astype(np.uint8),
            points2d_px=points.numpy().astype(np.float32),
            pose_cm=(left.numpy() - pelvis[:, None]).astype(np.float32),
            origin_cm=self.rig.to_views(torch.from_numpy(pelvis)[:, None])[:, :, 0].numpy().astype(np.float32),
            visibility=np.where(inside.numpy(), Visibility.VISIBLE, Visibility.OUT_OF_VIEW).astype(np.uint8),
            category=["boxing"] * half + ["golf"] * (count - half),
            subject=[first] * half + [second] * (count - half),
            motion=[f"{split} b 1"] * half + [f"{split} g 2"] * (count - half),
            frame_number=np.arange(5, 5 + count, dtype=np.int64),
        )


def write_stores(rig: StereoRig, folder: Path) -> dict[str, FrameStore]:
    """Frame stores of all splits."""
    folder.mkdir(parents=True)
    source = Bodies(rig)
    for split in SPLITS:
        frames = source.frames(split)
        with write_store(store_path(folder, split), header_of(source, split, RawCodec()), len(frames.images)) as writer:
            writer.append(frames)
    return {split: FrameStore(store_path(folder, split)) for split in SPLITS}


def joints_cm(store: FrameStore) -> torch.Tensor:
    """The joints of all frames in each camera's frame, whatever the origin of the store's poses is."""
    batch = store.read(range(len(store)))
    pose, origin = batch.pose_cm.double(), batch.origin_cm.double()
    right = pose @ torch.tensor(store.rig.rotation, dtype=torch.float64).T
    return torch.stack((pose + origin[:, :1], right + origin[:, 1:]), 1)

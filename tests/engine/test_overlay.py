"""The overlay shows the frames that the network saw, with joints at the peaks of their heatmaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.recordings.frames import StereoBatch, unlabelled
from egotap_pl.engine.prediction.overlay import overlay_video, view_with_peaks

av = pytest.importorskip("av")
ARM = Skeleton("arm", ("root", "shoulder", "elbow"), (0, 0, 1), estimates_root=False)
PX, HEATMAP_PX, SIDE = 64, 16, 384


def heatmaps(*peaks: tuple[int, int, float]) -> np.ndarray:
    maps = np.zeros((len(peaks), HEATMAP_PX, HEATMAP_PX), np.float32)
    for joint, (column, row, height) in enumerate(peaks):
        maps[joint, row, column] = height
    return maps


def is_orange(picture: np.ndarray) -> np.ndarray:
    return picture[..., 0].astype(int) - picture[..., 2] > 60


def test_joints_and_limbs_are_where_the_peaks_are():
    view = np.asarray(view_with_peaks(np.full((3, PX, PX), 60, np.uint8), heatmaps((4, 2, 1.0), (12, 2, 1.0)), ARM))
    assert view.shape == (SIDE, SIDE, 3)
    scale = SIDE / HEATMAP_PX
    rows, columns = np.nonzero(is_orange(view))
    assert rows.mean() == pytest.approx(2.5 * scale, abs=1.5)
    assert columns.min() == pytest.approx(4.5 * scale, abs=5)
    assert columns.max() == pytest.approx(12.5 * scale, abs=5)
    assert is_orange(view)[round(2.5 * scale), round(8.5 * scale)]  # the limb
    np.testing.assert_array_equal(view[-1, -1], 60)


def test_a_guess_is_fainter_than_a_sighting():
    view = np.asarray(view_with_peaks(np.zeros((3, PX, PX), np.uint8), heatmaps((4, 2, 1.0), (12, 12, 0.3)), ARM))
    sighting, guess = (
        view[round((row + 0.5) * 24), round((column + 0.5) * 24), 0] for column, row in ((4, 2), (12, 12))
    )
    assert guess == pytest.approx(0.3 * sighting, abs=3)


def test_skipped_frames_keep_their_time(tmp_path: Path):
    shades = np.array([40, 90, 140, 190])
    images = np.broadcast_to(shades[:, None, None, None, None], (4, 2, 3, PX, PX)).astype(np.uint8).copy()
    images[:, 1] //= 2
    maps = torch.from_numpy(np.stack([np.stack([heatmaps((4, 2, 1.0), (12, 2, 1.0))] * 2)] * 4))
    path = tmp_path / "new" / "seen.mp4"
    with overlay_video(path, ARM, 30000 / 1001) as overlay:
        for rows in ([0, 1], [2, 3]):
            batch = unlabelled(torch.from_numpy(images[rows]), 3, [[5, 6, 9, 10][row] for row in rows])
            overlay.add(StereoBatch.untimed(batch, ("",) * 2), maps[rows])
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
    pictures = [frame.to_ndarray(format="rgb24") for frame in frames]
    np.testing.assert_allclose([frame.time for frame in frames], np.array([0, 1, 4, 5]) * 1001 / 30000, atol=2e-3)
    assert pictures[0].shape == (SIDE, 2 * SIDE, 3)
    for column, share in ((10, 1), (SIDE + 10, 2)):
        np.testing.assert_allclose([picture[300, column].mean() for picture in pictures], shades // share, atol=6)


@pytest.mark.parametrize("fps", [0.5, 0.0016, 0.001])
def test_frames_of_hours_have_their_time(tmp_path: Path, fps: float):
    with overlay_video(tmp_path / "slow.mp4", ARM, fps) as overlay:
        batch = unlabelled(torch.zeros(3, 2, 3, PX, PX, dtype=torch.uint8), 3, 0)
        overlay.add(StereoBatch.untimed(batch, ("",) * 3), None)
    with av.open(str(tmp_path / "slow.mp4")) as file:
        times = [float(frame.time) for frame in file.decode(video=0)]
    np.testing.assert_allclose(times, np.arange(3) / fps, rtol=0.01)


@pytest.mark.parametrize("fps", [0.0009, 0.0004, 1e-12])
def test_a_frame_rate_that_no_video_has_is_refused(tmp_path: Path, fps: float):
    with (
        pytest.raises(EgotapError, match=f"^fps={fps}: a video has at least"),
        overlay_video(tmp_path / "a.mp4", ARM, fps),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_an_interruption_leaves_nothing(tmp_path: Path):
    def stop() -> None:
        with overlay_video(tmp_path / "seen.mp4", ARM, 30.0) as overlay:
            batch = unlabelled(torch.zeros(1, 2, 3, PX, PX, dtype=torch.uint8), 3, 0)
            overlay.add(StereoBatch.untimed(batch, ("",)), torch.zeros(1, 2, 2, HEATMAP_PX, HEATMAP_PX))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert list(tmp_path.iterdir()) == []

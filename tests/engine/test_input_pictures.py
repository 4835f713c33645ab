"""Frames that `egotap predict` draws are spread over what can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.recordings.gaps import Gaps
from egotap_pl.data.recordings.inputs import open_input
from egotap_pl.engine.prediction.input_pictures import Album

PX, FRAMES = 16, 10


@pytest.mark.parametrize(
    ("damaged", "drawn"),
    [((), [0, 3, 6, 9]), ((3,), [0, 4, 6, 9]), ((0, 6, 7), [1, 3, 8, 9]), ((2, 3, 4, 5), [0, 6, 9]), ((9,), [0, 3, 6])],
)
def test_in_place_of_a_skipped_frame_the_next_is_drawn(
    tmp_path: Path, damaged: tuple[int, ...], drawn: list[int]
) -> None:
    for side in ("left", "right"):
        (tmp_path / side).mkdir()
        for number in range(FRAMES):
            Image.fromarray(np.full((PX, PX, 3), number, np.uint8)).save(tmp_path / side / f"{number}.png")
    for number in damaged:
        (tmp_path / "right" / f"{number}.png").write_bytes(b"no image")
    skeleton = unrealego()
    recording = open_input([tmp_path], "test", skeleton, PX, gaps=Gaps(skip=True))
    album = Album(skeleton, recording, number=4)
    for stereo in recording.batches(3):
        album.add(stereo, torch.zeros(len(stereo.name), len(skeleton.estimated), 3), None)
    assert [int(frame.images[0, 0, 0, 0]) for frame in album.estimates] == drawn

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import egocap, unrealego


@pytest.mark.parametrize("skeleton", [unrealego(), egocap()], ids=lambda s: s.name)
def test_what_is_written_is_read(skeleton, tmp_path: Path) -> None:
    joints = len(skeleton.estimated)
    random = np.random.default_rng(0)
    truth_cm = random.normal(size=(3, joints, 3)).astype(np.float32)
    written = Predictions(
        truth_cm + np.array([0.3, 0, 0.4], np.float32),
        truth_cm,
        random.integers(0, 4, (3, 2, joints)).astype(np.uint8),
        np.arange(3),
        ("walking", "sitting", "walking"),
        ("s1", "s1", "s2"),
        ("m1", "m2", "m3"),
        np.array([5, 6, 7]),
        skeleton,
        "abc",
        "test",
    )
    written.write(tmp_path / "predictions.h5")
    read = Predictions.read(tmp_path / "predictions.h5")
    for name, value in vars(written).items():
        assert np.array_equal(getattr(read, name), value), name
    np.testing.assert_allclose(read.error_mm, 5.0, rtol=1e-5)  # 3-4-5, and cm to mm


def test_a_file_that_is_not_predictions_is_named(tmp_path: Path) -> None:
    (tmp_path / "predictions.h5").write_text("no")
    with pytest.raises(EgotapError, match=r"predictions\.h5"):
        Predictions.read(tmp_path / "predictions.h5")

"""The pelvis of frames that one camera alone sees."""

import numpy as np
import torch

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import StereoRig
from egotap_pl.data.unrealego.fit import Peaks, fit_pelvis


def test_without_a_frame_that_both_views_see_the_right_camera_is_at_minus_x():
    rig = StereoRig.unrealego()
    random = np.random.default_rng(0)
    pose = torch.from_numpy(random.uniform((-25, -15, -45), (25, 15, 60), (3, 16, 3)))
    pelvis = torch.tensor([[-6.0, -20.0, 65.0]]).double()
    px, inside = rig.project(pose[:, 1:] + pelvis)
    centres = ((px / 16).floor() + 0.5) * (FRAME_PX / 64)
    assert inside.all()
    inside[:, 1] = False
    fit = fit_pelvis(Peaks(centres, inside, FRAME_PX / 128), pose, rig)
    left, right = fit.pelvis_cm.unbind(1)
    torch.testing.assert_close(left, pelvis.expand(3, 3), atol=2.0, rtol=0)
    torch.testing.assert_close(right - left, torch.tensor([[12.0, 0.0, 0.0]]).double().expand(3, 3))

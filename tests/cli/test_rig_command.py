"""`egotap prepare` and `egotap train` with a rig file and a mount."""

from __future__ import annotations

from pathlib import Path

import pytest
from smoke import Run

from egotap_pl.cli.configuration.composing import compose
from egotap_pl.cli.configuration.literals import quote_literals
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.calibration import save_rig
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.build import build
from egotap_pl.engine.datasets import fingerprint_of_frames

RIG = """\
name: my_headset
left: CAMERA
right: CAMERA
left_to_right: {rotation: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], translation_cm: [-9.8, 0, 0]}
"""
CAMERA = """{model: kannala_brandt, size_px: [640, 480], centre_px: [320.0, 240.0], focal_px: [152.0, 152.0],
  distortion: [0.01, -0.002, 0.0, 0.0], circle_radius_px: 235}"""
FEW = ("data.frames.train=2", "data.frames.validation=1", "data.frames.test=2", "data.workers=0", "scale=smoke")


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    path = tmp_path / "my rig, first=1.yaml"  # a name that Hydra's grammar would not take
    path.write_text(RIG.replace("CAMERA", CAMERA))
    return path


def source(*overrides: str):
    return build(compose("scale=smoke", *overrides).data.source)


def test_a_store_as_ones_own_headset_sees_it(rig: Path, run: Run, tmp_path: Path):
    folder = tmp_path / "data"
    outcome = run("prepare", "data=egosynth", *FEW, f"rig={rig}", "mount=headset", f"data.folder={folder}")
    assert "warning" not in outcome.out + outcome.err
    store = FrameStore(folder / "test.h5")
    assert store.rig.name == "my_headset"
    assert [camera.size_px for camera in store.rig.cameras] == [(1024, 1024)] * 2
    assert store.rig.cameras[0].centre_px == pytest.approx((512, 512))
    assert store.rig.translation_cm == (-9.8, 0.0, 0.0)


def test_cameras_that_do_not_see_the_body_are_warned_of(rig: Path, run: Run, tmp_path: Path):
    words = (f"rig={rig}", "mount=headset", "mount.tilt_deg=-60", f"data.folder={tmp_path}/data")
    outcome = run("prepare", "data=egosynth", *FEW, *words)
    assert "warning: rig my_headset sees little of the body" in " ".join((outcome.out + outcome.err).split())


def test_a_rig_whose_place_on_the_head_is_not_said_is_warned_of(rig: Path, run: Run, tmp_path: Path):
    outcome = run("prepare", "data=egosynth", *FEW, f"rig={rig}", f"data.folder={tmp_path}/data")
    said = " ".join((outcome.out + outcome.err).split())
    assert f"warning: rig={rig} without mount=...: its cameras are where those of mount=glasses are" in said
    assert "mount=headset (docs/own-headset.md), mount=glasses or mount=stick" in said
    chosen = run("prepare", "data=egosynth", *FEW, f"rig={rig}", "mount=glasses", f"data.folder={tmp_path}/data")
    assert "without mount" not in chosen.out + chosen.err


def test_mounts_are_groups_with_numbers():
    assert source().mount.rig == StereoRig.unrealego()
    assert source("mount=glasses", "mount.forward_cm=5").mount.position_cm == (6.0, 7.7, 5.0)
    assert source("mount=headset", "mount.left_cm=3").mount.position_cm == (3.0, 6.0, 18.0)
    glasses, stick = source().mount, source("data=egosynth_stick").mount
    # Without motion-capture clips, which may not be installed.
    procedural = "data.source.motions=[{_target_:egotap_pl.synth.motion.ProceduralMotions}]"
    for data in ("egosynth", "egosynth_stick", "egosynth_mocap"):
        assert source(f"data={data}", "mount=glasses", procedural).mount == glasses
        assert source(f"data={data}", "mount=stick", procedural).mount == stick


def test_the_keys_of_earlier_versions_still_place_the_cameras():
    assert source("+data.source.mount.tilt_deg=70").mount == source("mount=glasses", "mount.tilt_deg=70").mount
    before = source("data.source.mount._target_=egotap_pl.synth.mount.stick")
    assert before.mount == source("data=egosynth_stick").mount


def test_built_in_data_keep_their_fingerprints():
    fingerprints = {
        data: fingerprint_of_frames(compose(f"data={data}").data) for data in ("egosynth", "egosynth_stick")
    }
    assert {data: value[:12] for data, value in fingerprints.items()} == {
        "egosynth": "a1be598205b6",
        "egosynth_stick": "9dba24c17d84",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("data=unrealego", "data.root=x", "rig=a.yaml"), "unrealego's images were taken by its own cameras"),
        (("data=egocap", "data.root=x", "rig=a.yaml"), "egocap's images were taken by its own cameras"),
        (("data=unrealego", "data.root=x", "mount=stick"), "there is no mount to choose with this data set"),
        (("data.folder=x", "+data.root=null", "rig=a.yaml"), "prepared data have the rig"),
        (("data.folder=x", "+data.root=null", "mount=stick"), "prepared data have the rig"),
        (("mount=headset", "+mount.height_cm=3"), "egotap: mount.height_cm: unknown argument"),
        (("mount=headset", "mount.forwards_cm=3"), "did you mean mount.forward_cm"),
        (("mount.forward_cm=3",), "choose the mount first, with mount=..."),
        (("mount=hedset",), "did you mean headset"),
        (("mount=headset", "mount.tilt_deg=down"), "egotap: mount.tilt_deg=down: must be a number"),
        (("rig=absent.yaml",), "absent.yaml"),
    ],
)
def test_what_does_not_fit_is_refused(words, message, run: Run):
    assert message in " ".join(run("prepare", *words, ok=False).err.split())


def test_train_and_evaluate_refuse_it_too(run: Run, tmp_path: Path):
    with pytest.raises(EgotapError, match="its own cameras"):
        compose("data=unrealego", "data.root=x", "rig=a.yaml")
    checkpoint = tmp_path / "empty.ckpt"
    checkpoint.touch()
    outcome = run("evaluate", f"checkpoint={checkpoint}", "rig=a.yaml", ok=False)
    assert "give data=egosynth, too" in outcome.err


def test_a_rig_made_in_python_serves_too(tmp_path: Path):
    save_rig(StereoRig.unrealego(10.0), tmp_path / "rig.yaml")
    data = source(f"rig={tmp_path}/rig.yaml")
    assert data.rig.translation_cm == (10.0, 0.0, 0.0)
    assert data.mount.position_cm == (5.0, 7.7, 10.5)
    assert len(data.mount.parts) == len(source().mount.parts)


def test_rigs_can_be_the_values_of_a_grid(rig: Path):
    assert quote_literals(["-m", "rig=a.yaml,b=1.yaml"]) == ["-m", "rig=a.yaml,'b=1.yaml'"]
    assert quote_literals([f"rig={rig}"]) == [f"rig='{rig}'"]


def test_other_cameras_are_not_written_as_unrealegos_files(rig: Path, run: Run, tmp_path: Path):
    words = (
        f"rig={rig}",
        "mount=headset",
        f"data.folder={tmp_path}/data",
        "layout=unrealego",
        f"output={tmp_path}/out",
    )
    message = run("prepare", "data=egosynth", *FEW, *words, ok=False).err
    assert "cannot be written as UnrealEgo's files" in " ".join(message.split())

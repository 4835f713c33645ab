"""Writes BVH files of the figure's motions as other programs would: their names, axes, units and order of channels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from egotap_pl.synth.figure import BONES, PARENTS, REST_OFFSETS

TO_Z_UP = Rotation.from_matrix([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
"""From Y up, Z forward to Z up, Y backward."""


@dataclass(frozen=True)
class Naming:
    """Names of the figure's bones in a program's skeletons; {S} is Left or Right, {s} is L or R, {x} is l or r."""

    middle: Sequence[str]
    """Names of pelvis, spine, chest, neck and head."""
    sided: Sequence[str]
    """Names of clavicle, upperarm, lowerarm, hand, finger, thigh, calf, foot and ball."""
    chest: str = "chest"
    """The bone that is taken for the chest, `chest` or `spine`."""

    def names(self) -> dict[str, str]:
        """Name of every bone."""
        parts = ("clavicle", "upperarm", "lowerarm", "hand", "finger", "thigh", "calf", "foot", "ball")
        names = dict(zip(("pelvis", "spine", "chest", "neck", "head"), self.middle, strict=True))
        for word in ("Left", "Right"):
            for part, name in zip(parts, self.sided, strict=True):
                fields = {"S": word, "w": word.lower(), "s": word[0], "x": word[0].lower()}
                names[f"{part}_{word[0].lower()}"] = name.format(**fields)
        return names


def _prefixed(prefix: str, naming: Naming) -> Naming:
    return Naming([prefix + n for n in naming.middle], [prefix + n for n in naming.sided], naming.chest)


_MIXAMO = Naming(
    ("Hips", "Spine", "Spine1", "Neck", "Head"),
    ("{S}Shoulder", "{S}Arm", "{S}ForeArm", "{S}Hand", "{S}HandMiddle1", "{S}UpLeg", "{S}Leg", "{S}Foot", "{S}ToeBase"),
)
_BIPED = Naming(
    ("Pelvis", "Spine", "Spine1", "Neck", "Head"),
    (
        *("{s} Clavicle", "{s} UpperArm", "{s} Forearm", "{s} Hand", "{s} Finger2"),
        *("{s} Thigh", "{s} Calf", "{s} Foot", "{s} Toe0"),
    ),
)
_SMPL = Naming(
    ("Pelvis", "Spine1", "Spine3", "Neck", "Head"),
    (
        *("{s}_Collar", "{s}_Shoulder", "{s}_Elbow", "{s}_Wrist", "{s}_Hand"),
        *("{s}_Hip", "{s}_Knee", "{s}_Ankle", "{s}_Foot"),
    ),
    "spine",
)
_RIGIFY = Naming(
    ("spine", "spine.001", "spine.002", "spine.004", "spine.006"),
    (
        *("shoulder.{s}", "upper_arm.{s}", "forearm.{s}", "hand.{s}", "f_middle.01.{s}"),
        *("thigh.{s}", "shin.{s}", "foot.{s}", "toe.{s}"),
    ),
)


def _joined(naming: Naming) -> Naming:
    return Naming([n.replace(" ", "_") for n in naming.middle], [n.replace(" ", "_") for n in naming.sided])


NAMINGS: dict[str, Naming] = {
    "cmu": _MIXAMO,
    "mixamo": _prefixed("mixamorig:", _MIXAMO),
    "mixamo, underscore": _prefixed("mixamorig_", _MIXAMO),
    "mixamo, number": _prefixed("mixamorig7:", _MIXAMO),
    "mixamo, joined": _prefixed("mixamorig", _MIXAMO),
    "motionbuilder": _prefixed("Character1_", _MIXAMO),
    "lafan1": Naming(_MIXAMO.middle, (*_MIXAMO.sided[:4], "{S}HandEnd", *_MIXAMO.sided[5:8], "{S}Toe")),
    "xsens, 100style": Naming(
        ("Hips", "Chest", "Chest2", "Neck", "Head"),
        (
            *("{S}Collar", "{S}Shoulder", "{S}Elbow", "{S}Wrist", "{S}WristEnd"),
            *("{S}Hip", "{S}Knee", "{S}Ankle", "{S}Toe"),
        ),
        "spine",
    ),
    "xsens mvn": Naming(
        ("Pelvis", "L5", "T12", "Neck", "Head"),
        (
            *("{S}Shoulder", "{S}UpperArm", "{S}ForeArm", "{S}Hand", "{S}HandEnd"),
            *("{S}UpperLeg", "{S}LowerLeg", "{S}Foot", "{S}Toe"),
        ),
    ),
    "smpl": _SMPL,
    "smpl, lower case": Naming(
        ("pelvis", "spine1", "spine3", "neck", "head"),
        (
            *("{w}_collar", "{w}_shoulder", "{w}_elbow", "{w}_wrist", "{w}_middle1"),
            *("{w}_hip", "{w}_knee", "{w}_ankle", "{w}_foot"),
        ),
        "spine",
    ),
    "smpl, prefix": _prefixed("m_avg_", _SMPL),
    "rigify": _RIGIFY,
    "rigify, deform": _prefixed("DEF-", _RIGIFY),
    "biped": _prefixed("Bip01 ", _BIPED),
    "biped, number": _prefixed("Bip001 ", _BIPED),
    "biped, underscore": _prefixed("Bip01_", _joined(_BIPED)),
    "valve": _prefixed("ValveBiped.Bip01_", _joined(_BIPED)),
    "bandai namco": Naming(
        ("Hips", "Spine", "Chest", "Neck", "Head"),
        (
            *("Shoulder_{s}", "UpperArm_{s}", "LowerArm_{s}", "Hand_{s}", "HandEnd_{s}"),
            *("UpperLeg_{s}", "LowerLeg_{s}", "Foot_{s}", "Toes_{s}"),
        ),
    ),
    "poser": Naming(
        ("hip", "abdomen", "chest", "neck", "head"),
        ("{x}Collar", "{x}Shldr", "{x}ForeArm", "{x}Hand", "{x}Mid1", "{x}Thigh", "{x}Shin", "{x}Foot", "{x}Toe"),
    ),
    "genesis": Naming(
        ("hip", "abdomenLower", "chestLower", "neckLower", "head"),
        (
            *("{x}Collar", "{x}ShldrBend", "{x}ForearmBend", "{x}Hand", "{x}Mid1"),
            *("{x}ThighBend", "{x}Shin", "{x}Foot", "{x}Toe"),
        ),
    ),
    "unreal": Naming(
        ("pelvis", "spine_01", "spine_02", "neck_01", "head"),
        (
            *("clavicle_{x}", "upperarm_{x}", "lowerarm_{x}", "hand_{x}", "middle_01_{x}"),
            *("thigh_{x}", "calf_{x}", "foot_{x}", "ball_{x}"),
        ),
        "spine",
    ),
    "vrm": _prefixed(
        "J_Bip_",
        Naming(
            ("C_Hips", "C_Spine", "C_Chest", "C_Neck", "C_Head"),
            (
                *("{s}_Shoulder", "{s}_UpperArm", "{s}_LowerArm", "{s}_Hand", "{s}_Middle1"),
                *("{s}_UpperLeg", "{s}_LowerLeg", "{s}_Foot", "{s}_ToeBase"),
            ),
        ),
    ),
    "character creator": _prefixed(
        "CC_Base_",
        Naming(
            ("Hip", "Waist", "Spine01", "NeckTwist01", "Head"),
            (
                *("{s}_Clavicle", "{s}_Upperarm", "{s}_Forearm", "{s}_Hand", "{s}_Mid1"),
                *("{s}_Thigh", "{s}_Calf", "{s}_Foot", "{s}_ToeBase"),
            ),
        ),
    ),
    "makehuman": Naming(
        ("root", "spine05", "spine02", "neck01", "head"),
        (
            *("clavicle.{s}", "upperarm01.{s}", "lowerarm01.{s}", "wrist.{s}", "finger3-1.{s}"),
            *("upperleg01.{s}", "lowerleg01.{s}", "foot.{s}", "toe.{s}"),
        ),
    ),
    "kinect": Naming(
        ("SpineBase", "SpineMid", "SpineShoulder", "Neck", "Head"),
        (
            *("Collar{S}", "Shoulder{S}", "Elbow{S}", "Wrist{S}", "Hand{S}"),
            *("Hip{S}", "Knee{S}", "Ankle{S}", "Foot{S}"),
        ),
        "spine",
    ),
    "motive": _prefixed(
        "Anna_",
        Naming(
            ("Hip", "Ab", "Chest", "Neck", "Head"),
            ("{s}Shoulder", "{s}UArm", "{s}FArm", "{s}Hand", "{s}HandEnd", "{s}Thigh", "{s}Shin", "{s}Foot", "{s}Toe"),
        ),
    ),
}
"""Namings by program or data set."""


@dataclass(frozen=True)
class Joint:
    """A joint of a file."""

    name: str
    parent: int
    offset: np.ndarray
    turns: Rotation
    """Its rotation relative to its parent, frame by frame."""
    place: np.ndarray | None = None
    """Its place relative to its parent, frame by frame, if the file has channels for it."""


def figure_joints(
    rotations: np.ndarray,
    root_cm: np.ndarray,
    names: Mapping[str, str],
    up: str = "y",
    rest_up: str | None = None,
    unit: float = 1.0,
    along_x: bool = False,
) -> list[Joint]:
    """The figure's bones as the joints of a file.

    Args:
        rotations: rotation of each bone relative to its parent, frame by frame.
        root_cm: place of the pelvis.
        names: name of each bone.
        up: axis that points up in the motion.
        rest_up: axis that points up without rotations; by default the same.
        unit: length of a centimetre.
        along_x: whether the first axis of a bone points along it, as in Bandai Namco's files, so that all bones lie
            along it without rotations; every joint has channels of its place then.
    """
    world = TO_Z_UP if up == "z" else Rotation.identity()
    rest = TO_Z_UP if (rest_up or up) == "z" else Rotation.identity()
    axes = [_bone_axes(bone) if along_x else rest.inv() for bone in range(len(BONES))]
    joints = []
    for bone, name in enumerate(BONES):
        parent = PARENTS[bone] if bone else -1
        turn = Rotation.from_matrix(rotations[:, bone])
        before = axes[parent].inv() if bone else world
        offset = before.apply(REST_OFFSETS[bone].numpy()) * unit
        turn = before * turn * axes[bone]
        place = np.tile(offset, (len(root_cm), 1)) if bone else world.apply(root_cm) * unit
        joints.append(Joint(names[name], parent, offset, turn, place if along_x or not bone else None))
    return joints


def _bone_axes(bone: int) -> Rotation:
    """Axes of a bone whose first one points to its first child."""
    child = next((i for i, parent in enumerate(PARENTS) if parent == bone and i), None)
    along = REST_OFFSETS[bone if child is None else child].numpy()
    if np.linalg.norm(along) < 1e-9:
        return Rotation.identity()
    return Rotation.align_vectors([along / np.linalg.norm(along)], [[1.0, 0.0, 0.0]])[0]


def bvh_text(
    joints: Sequence[Joint],
    seconds: float = 1 / 30,
    order: str = "ZXY",
    tips: Mapping[str, Sequence[float]] | None = None,
    digits: int = 6,
) -> str:
    """Text of a file.

    Args:
        joints: parents before children, in any order of branches.
        seconds: duration of a frame.
        order: order of the channels of a rotation.
        tips: End Sites of some joints, by name; other joints without children get one of zeros.
        digits: digits after the decimal point.
    """
    lines = ["HIERARCHY"]
    columns: list[np.ndarray] = []

    def visit(index: int, indent: str) -> None:
        joint = joints[index]
        children = [i for i, other in enumerate(joints) if other.parent == index]
        kinds = [f"{axis}position" for axis in "XYZ" if joint.place is not None] + [f"{a}rotation" for a in order]
        lines.append(f"{indent}{'JOINT' if indent else 'ROOT'} {joint.name}")
        lines.append(f"{indent}{{")
        lines.append(f"{indent}  OFFSET {' '.join(f'{x:.{digits}f}' for x in joint.offset)}")
        lines.append(f"{indent}  CHANNELS {len(kinds)} {' '.join(kinds)}")
        columns.extend([joint.place] if joint.place is not None else [])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of gimbal lock, where other angles would do as well
            columns.append(joint.turns.as_euler(order, degrees=True))
        for child in children:
            visit(child, indent + "  ")
        if not children or joint.name in (tips or {}):
            tip = (tips or {}).get(joint.name, (0.0, 0.0, 0.0))
            lines.append(
                f"{indent}  End Site\n{indent}  {{\n{indent}    OFFSET {' '.join(map(str, tip))}\n{indent}  }}"
            )
        lines.append(f"{indent}}}")

    visit(0, "")
    rows = np.concatenate(columns, 1)
    lines += ["MOTION", f"Frames: {len(rows)}", f"Frame Time: {seconds:.7f}"]
    lines += [" ".join(f"{x:.{digits}f}" for x in row) for row in rows]
    return "\n".join(lines) + "\n"


def true_places(rotations: np.ndarray, root_cm: np.ndarray) -> dict[str, np.ndarray]:
    """Places of the figure's bones, frame by frame: forward kinematics by SciPy."""
    at, world = [root_cm], [Rotation.from_matrix(rotations[:, 0])]
    for bone in range(1, len(BONES)):
        above = PARENTS[bone]
        at.append(at[above] + world[above].apply(REST_OFFSETS[bone].numpy()))
        world.append(world[above] * Rotation.from_matrix(rotations[:, bone]))
    return dict(zip(BONES, at, strict=True))

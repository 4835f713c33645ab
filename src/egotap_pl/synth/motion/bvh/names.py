"""Which joint of a BVH file is which: the names that programs and data sets use.

They are those of CMU, Mixamo, MotionBuilder, LAFAN1, Xsens and 100STYLE, the Bandai-Namco Research Motiondataset, SMPL
and SMPL-X, Blender's Rigify, 3ds Max's Biped, Daz and Poser, Character Creator, Unreal, VRM, MakeHuman, Kinect and
Motive. tests/support/bvh_files.py has a skeleton of each.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product

from egotap_pl.core.errors import EgotapError
from egotap_pl.synth.motion.bvh.text import BvhJoint
from egotap_pl.synth.motion.retarget import OPTIONAL, REQUIRED

# Names of our joints elsewhere, without side, prefix and punctuation, in lower case. The first match wins.
_MIDLINE: dict[str, tuple[str, ...]] = {
    "neck": ("neck", "neck1", "neck01", "necklower", "necktwist01", "spine004", "shouldercenter"),
    "head": ("head", "head1", "spine006"),
    "chest": (
        *("spine1", "spine01", "spine2", "chest", "chest2", "chestlower"),
        *("spine002", "spine02", "spinemid", "t12", "l3", "spine", "abdomen"),
    ),
}
_SIDED: dict[str, tuple[str, ...]] = {
    "upperarm": ("arm", "uparm", "upperarm", "shldr", "shldrbend", "upperarm01", "uarm", "shoulder"),
    "lowerarm": ("forearm", "lowarm", "lowerarm", "elbow", "forearmbend", "lowerarm01", "farm"),
    "hand": ("wrist", "hand"),
    "thigh": ("upleg", "upperleg", "thigh", "thighbend", "upperleg01", "hip"),
    "calf": ("leg", "lowleg", "lowerleg", "knee", "shin", "calf", "lowerleg01"),
    "foot": ("ankle", "foot"),
    "ball": ("toebase", "toe", "ball", "toes", "toe0", "foot"),
    "finger": (
        *("handmiddle1", "handindex1", "fingerbase", "mid1", "middle01", "middle1", "fmiddle01"),
        *("finger2", "finger31", "palm", "hand"),
    ),
}
_CHAINS = (("neck", "head"), ("upperarm", "lowerarm", "hand"), ("thigh", "calf", "foot"))
_TIPS = (("hand", "finger"), ("foot", "ball"))
_PREFIX = re.compile(r"^(?:mixamorig\d*|(?:DEF|ORG)(?=[-_. ]))[-_. ]?", re.I)
_SIDE_AT_END = re.compile(r"(?:^|[^a-z])(?:l|r|left|right)[^a-z0-9]*$", re.I)


def match_joints(
    joints: Sequence[BvhJoint], table: Mapping[str, str], where: str
) -> tuple[dict[str, int], dict[str, list[int]]]:
    """The file's joints that are ours: of `retarget.REQUIRED`, and those that may be ones of `retarget.OPTIONAL`.

    Args:
        joints: the file's joints.
        table: names in the file of some of our joints. They take precedence over the names that are known.
        where: name of the file, for messages.

    Returns:
        Index of each required joint, and indices of the candidates for each optional one, the most likely first.

    Raises:
        EgotapError: if no joint is known for one of `retarget.REQUIRED`, or the table names a joint that is not there.
    """
    by_plain_name: dict[str, int] = {}
    for index, name in enumerate(_plain_names([joint.name for joint in joints])):
        by_plain_name.setdefault(name, index)
    known = {joint: _indices(joint, by_plain_name) for joint in REQUIRED + OPTIONAL}
    known |= {ours: [_index_of(theirs, joints, where)] for ours, theirs in table.items()}
    tree = _Tree(joints)
    chosen: dict[str, int] = {}
    for chain in _CHAINS:
        for suffix in ("",) if chain[0] in _MIDLINE else ("_l", "_r"):
            _match_chain([part + suffix for part in chain], known, chosen, tree)
    missing = [joint for joint in REQUIRED if joint not in chosen]
    if missing:
        raise EgotapError(
            f"{where}: no joint for {', '.join(missing)} among {_listed(joints)}; say which it is: "
            f"joints: {{{missing[0]}: NAME, ...}}"
        )
    optional = {joint: known[joint] for joint in OPTIONAL}
    for above, tip in _TIPS:
        for side in "lr":
            candidates = [index for index in known[f"{tip}_{side}"] if index not in chosen.values()]
            below = [index for index in candidates if tree.is_above(chosen[f"{above}_{side}"], index)]
            optional[f"{tip}_{side}"] = below or candidates  # beside it in rigs without a chain
    return chosen, optional


def check_table(table: Mapping[str, str]) -> None:
    """Check the keys of a table of names.

    Raises:
        EgotapError: if a key is not one of our joints.
    """
    for ours in table:
        if ours not in REQUIRED + OPTIONAL:
            raise EgotapError(f"joints: {ours!r} is unknown: must be one of: {', '.join(REQUIRED + OPTIONAL)}")


class _Tree:
    def __init__(self, joints: Sequence[BvhJoint]) -> None:
        self._above: list[frozenset[int]] = []
        for joint in joints:
            self._above.append(self._above[joint.parent] | {joint.parent} if joint.parent >= 0 else frozenset())

    def is_above(self, upper: int, lower: int) -> bool:
        return upper in self._above[lower]


def _match_chain(chain: list[str], known: Mapping[str, list[int]], chosen: dict[str, int], tree: _Tree) -> None:
    """Match the joints of a limb: of all known names, the first ones that follow each other in the hierarchy.

    This tells a shoulder that is a collar bone from one that is the upper arm's, and SMPL's foot, which is the ball,
    from other skeletons' foot, which is the ankle.
    """
    chain = [joint for joint in chain if known[joint]]
    combinations = product(*(known[joint] for joint in chain))
    ordered = (c for c in combinations if all(tree.is_above(upper, lower) for upper, lower in pairwise(c)))
    chosen |= dict(zip(chain, next(ordered, [known[joint][0] for joint in chain]), strict=True))


def _indices(joint: str, by_plain_name: Mapping[str, int]) -> list[int]:
    return [by_plain_name[name] for name in _known_names(joint) if name in by_plain_name]


def _known_names(joint: str) -> Iterator[str]:
    part, _, letter = joint.partition("_")
    if not letter:
        for name in _MIDLINE.get(part, ()):
            yield from (name, f"c{name}")
        return
    word = {"l": "left", "r": "right"}[letter]
    for name in _SIDED[part]:
        yield from (word + name, letter + name, name + letter, name + word)


def _plain_names(names: Sequence[str]) -> list[str]:
    """Names in lower case, without namespaces, prefixes and punctuation."""
    short = [_PREFIX.sub("", re.split(r"[:|]", name)[-1]) for name in names]
    prefix = _shared_prefix(short)
    return [re.sub(r"[^a-z0-9]", "", name.removeprefix(prefix).lower()) for name in short]


def _shared_prefix(names: Sequence[str]) -> str:
    """What most names begin with, up to a separator: ``Bip01 ``, ``CC_Base_``, ``m_avg_``; not a side."""
    counts = Counter(name[: match.end()] for name in names for match in re.finditer(r"[-_. ]+", name))
    shared = [p for p, count in counts.items() if 2 * count > len(names) and not _SIDE_AT_END.search(p)]
    return max(shared, key=len, default="")


def _index_of(name: str, joints: Sequence[BvhJoint], where: str) -> int:
    for index, joint in enumerate(joints):
        if name in (joint.name, re.split(r"[:|]", joint.name)[-1]):
            return index
    raise EgotapError(f"{where}: joints: there is no {name!r} among {_listed(joints)}")


def _listed(joints: Sequence[BvhJoint]) -> str:
    names = [joint.name if joint.name.isprintable() else repr(joint.name) for joint in joints[:80]]
    return ", ".join(names) + (f" and {len(joints) - 80} more" if len(joints) > 80 else "")

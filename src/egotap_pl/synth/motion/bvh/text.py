"""The text of a BVH file: joints, channels and numbers, read strictly and within limits.

The format has no standard. This reader takes what real files contain: any order of channels, channels of positions on
any joint, names with spaces, tabs, any line ends, a byte-order mark, frames that go over several lines. It refuses
whatever is damaged, and its messages name the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from egotap_pl.core.disks import raise_if_disk_fails
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import BVH_BYTES, BVH_JOINT_FRAMES, BVH_JOINTS, BVH_SECONDS
from egotap_pl.synth.motion.captures import check_file

Offset = tuple[float, float, float]

_WORD = re.compile(r"[{}]|[^\s{}]+")
_CHANNELS = {f"{axis}{kind}".lower(): f"{axis}{kind}" for kind in ("position", "rotation") for axis in "XYZ"}
_NAME_LENGTH = 200
_LINE_LENGTH = 1_000_000
_HINT = "a BVH file is text that begins with HIERARCHY"


@dataclass(frozen=True)
class BvhJoint:
    """A joint of the hierarchy."""

    name: str
    """Its name, with single spaces between words."""
    parent: int
    """Index of its parent; -1 for the root."""
    offset: Offset = (0.0, 0.0, 0.0)
    """Its place relative to the parent, in the file's unit."""
    channels: tuple[str, ...] = ()
    """Its channels in the order of the file: ``Xposition`` to ``Zrotation``, each at most once."""
    tip: Offset | None = None
    """Place of its End Site relative to the joint; None if it has none."""


@dataclass(frozen=True)
class BvhText:
    """The content of a file."""

    joints: tuple[BvhJoint, ...]
    """The joints in the order of the file: parents come before their children."""
    frame_seconds: float
    """Duration of a frame."""
    values: Float[np.ndarray, "frame channel"]
    """The channels of all joints, one joint after the other: degrees, and the file's unit of length."""


def read_text(path: Path) -> BvhText:
    """Read a BVH file. Frames beyond the announced number are ignored, as other programs do.

    Raises:
        EgotapError: if the file cannot be read, is damaged or too large; names the line.
    """
    with _opened(path) as words:
        joints, (count, seconds) = _hierarchy(words), _motion_header(words)
        return BvhText(joints, seconds, _values(words, joints, count, path.stat().st_size))


def read_seconds(path: Path) -> float:
    """Time from the first to the last frame of a BVH file, by its header. Raises what `read_text` does."""
    with _opened(path) as words:
        _hierarchy(words)
        count, seconds = _motion_header(words)
    return (count - 1) * seconds


@contextmanager
def _opened(path: Path) -> Iterator[_Words]:
    check_file(path, BVH_BYTES)
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            yield _Words(path, file)
    except OSError as error:
        raise_if_disk_fails(error, path)
        raise EgotapError(f"{path}: cannot be read ({error.strerror})") from error


class _Words:
    """The words of a file, one after the other, and the line that they are on."""

    def __init__(self, path: Path, lines: Iterable[str]) -> None:
        self.path, self.line = path, 0
        self._lines = iter(lines)
        self._words: list[str] = []

    def error(self, message: str) -> EgotapError:
        return EgotapError(f"{self.path}, line {self.line}: {message}")

    def lines(self) -> Iterator[str]:
        """The lines that follow, without empty ones."""
        for text in self._lines:
            self.line += 1
            if not text.isspace():
                yield text

    def line_of(self, expected: str) -> str:
        """The next line that is not empty."""
        for text in self.lines():
            return text
        raise self.error(f"the file ends where {expected} was expected; is it cut off?")

    def next(self, expected: str) -> str:
        """The next word."""
        while not self._words:
            text = self.line_of(expected)
            if len(text) > _LINE_LENGTH:
                raise self.error(f"longer than {_LINE_LENGTH} characters before MOTION, so not a BVH file")
            self._words = _WORD.findall(text)[::-1]
        return self._words.pop()

    def require(self, word: str) -> None:
        """Skip a word that must come next."""
        actual = self.next(word)
        if actual.upper() != word.upper():
            raise self.error(f"expected {word}, found {_short(actual)}")

    def name(self) -> str:
        """The words up to the brace or the end of the line."""
        parts = []
        while self._words and self._words[-1] != "{":
            parts.append(self._words.pop())
        name = " ".join(parts)
        if not 0 < len(name) <= _NAME_LENGTH:
            raise self.error(f"a joint needs a name of 1 to {_NAME_LENGTH} characters, found {len(name)}")
        return name

    def offset(self) -> Offset:
        """Three numbers."""
        x, y, z = (self._finite(self.next("a number of OFFSET")) for _ in range(3))
        return x, y, z

    def _finite(self, word: str) -> float:
        value = _number(word)
        if value is None or not np.isfinite(value):
            raise self.error(f"OFFSET: {_complaint(word)}")
        return value


def _hierarchy(words: _Words) -> tuple[BvhJoint, ...]:
    if (first := words.next("HIERARCHY")).upper() != "HIERARCHY":
        raise words.error(f"not a BVH file: expected HIERARCHY, found {_short(first)}; {_HINT}")
    joints: list[BvhJoint] = []
    words.require("ROOT")
    _begin_joint(words, joints, -1)
    open_joints, placed = [0], set()
    while open_joints:
        current = open_joints[-1]
        word = words.next("JOINT, End Site or a closing brace").upper()
        if word == "}":
            if open_joints.pop() not in placed:
                raise words.error(f"joint {joints[current].name!r} ends without OFFSET")
        elif word == "JOINT":
            _begin_joint(words, joints, current)
            open_joints.append(len(joints) - 1)
        elif word == "OFFSET":
            joints[current] = replace(joints[current], offset=words.offset())
            placed.add(current)
        elif word == "CHANNELS":
            joints[current] = replace(joints[current], channels=_channels(words, joints[current].name))
        elif word == "END":
            joints[current] = replace(joints[current], tip=_end_site(words))
        else:
            raise words.error(f"expected OFFSET, CHANNELS, JOINT, End Site or a brace, found {_short(word)}")
    return tuple(joints)


def _begin_joint(words: _Words, joints: list[BvhJoint], parent: int) -> None:
    if len(joints) == BVH_JOINTS:
        raise words.error(f"more than {BVH_JOINTS} joints, so not the skeleton of a person")
    joints.append(BvhJoint(words.name(), parent))
    words.require("{")


def _end_site(words: _Words) -> Offset:
    for word in ("Site", "{", "OFFSET"):
        words.require(word)
    tip = words.offset()
    words.require("}")
    return tip


def _channels(words: _Words, joint: str) -> tuple[str, ...]:
    count = words.next("the number of channels")
    if not re.fullmatch("[0-6]", count):
        raise words.error(f"CHANNELS of {joint!r}: expected a number from 0 to 6, found {_short(count)}")
    channels = []
    for _ in range(int(count)):
        word = words.next("the name of a channel")
        channel = _CHANNELS.get(word.lower())
        if channel is None or channel in channels:
            raise words.error(
                f"CHANNELS of {joint!r}: expected {count} different ones of {', '.join(_CHANNELS.values())}, "
                f"found {_short(word)}"
            )
        channels.append(channel)
    return tuple(channels)


def _motion_header(words: _Words) -> tuple[int, float]:
    """Number of frames, and the duration of one in seconds."""
    word = words.next("MOTION")
    if word.upper() == "ROOT":
        raise words.error("a second ROOT: a file may have one skeleton; save each person in a file of their own")
    if word.upper() != "MOTION":
        raise words.error(f"expected MOTION after the last brace, found {_short(word)}")
    text = words.line_of("Frames:").strip()
    frames = re.fullmatch(r"Frames\s*:\s*([0-9]{1,12})", text, re.I)
    if frames is None:
        raise words.error(f'expected "Frames: NUMBER", found {_short(text)}')
    if int(frames[1]) < 2:
        raise words.error(f"a motion needs at least 2 frames, found Frames: {frames[1]}")
    text = words.line_of("Frame Time:").strip()
    time = re.fullmatch(r"Frame\s*Time\s*:\s*(\S+)", text, re.I)
    seconds = _number(time[1]) if time else None
    if seconds is None or not 1e-4 < seconds < 10:
        raise words.error(f'expected "Frame Time: SECONDS" from 0.0001 to 10, found {_short(text)}')
    if int(frames[1]) * seconds > BVH_SECONDS:
        raise words.error(f"{frames[1]} frames of {seconds:g} s take more than {BVH_SECONDS} s; cut the motion up")
    return int(frames[1]), seconds


def _values(
    words: _Words, joints: tuple[BvhJoint, ...], count: int, file_bytes: int
) -> Float[np.ndarray, "frame channel"]:
    width = sum(len(joint.channels) for joint in joints)
    if width == 0:
        raise words.error("no joint has CHANNELS, so that nothing moves")
    if count * len(joints) > BVH_JOINT_FRAMES:
        raise words.error(f"{count} frames of {len(joints)} joints are too many; cut the motion up")
    # A number takes two bytes, with its space: a file that announces more than it can hold gets no memory.
    values = np.empty(min(count, file_bytes // (2 * width) + 1) * width)
    filled = 0
    for text in words.lines():
        parts = text.split(maxsplit=width)
        begun = filled % width
        if begun + len(parts) > width:  # a frame may go over lines, but begins on a line of its own
            n = sum(1 for _ in re.finditer(r"\S+", text))
            numbers = f"{begun} numbers before this line and {begun + n} with it" if begun else f"{n} numbers"
            raise words.error(
                f"frame {filled // width} has {numbers}, but the skeleton has {width} channels; "
                "correct or delete the frame"
            )
        values[filled : filled + len(parts)] = _numbers(words, parts)
        filled += len(parts)
        if filled == count * width:
            break
    if filled < count * width:
        raise words.error(
            f"the file ends after {filled // width} of {count} frames; is it cut off? "
            f'To read what there is, write "Frames: {filled // width}" and delete what follows the last whole frame'
        )
    _check_finite(words.path, joints, values.reshape(count, width))
    return values.reshape(count, width)


def _numbers(words: _Words, parts: list[str]) -> list[float]:
    try:
        return [float(part) for part in parts]
    except ValueError:
        bad = next(part for part in parts if _number(part) is None)
        raise words.error(_complaint(bad)) from None


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _complaint(word: str) -> str:
    if _number(word) is not None:
        return f"{_short(word)} is not finite"
    comma = "," in word and _number(word.replace(",", ".")) is not None
    return f"{_short(word)} is not a number" + ("; write numbers with a decimal point" if comma else "")


def _check_finite(path: Path, joints: tuple[BvhJoint, ...], values: Float[np.ndarray, "frame channel"]) -> None:
    if np.isfinite(values).all():
        return
    frame, column = np.argwhere(~np.isfinite(values))[0]
    name, channel = [(joint.name, channel) for joint in joints for channel in joint.channels][column]
    raise EgotapError(f"{path}: frame {frame}, {channel} of {name!r} is not finite")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")

"""Which files and folders are of the left view and which of the right, and which belong together, by their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from egotap_pl.core.errors import EgotapError

UNDERSTOOD = (
    "left/ and right/ (or Left, L, cam0, camera_left, view0 ...) with an image of each frame; images such as "
    "f_1_left.png and f_1_right.png (or L and R, cam0 and cam1, before or after the number); images with both views "
    "side by side; or two videos such as left.mp4 and right.mp4"
)
"""Names that are understood, for messages."""
BOTH = "input=[LEFT,RIGHT]"
"""How two paths are given, for messages."""

_VOCABULARIES = (
    ("left", "right"),
    ("(?:cam|camera|view)[_-]?0", "(?:cam|camera|view)[_-]?1"),
    ("l", "r"),
)
"""Words for the left and the right view, as regular expressions. The first that are in the names of both are meant."""


def _word(word: str) -> re.Pattern[str]:
    """A pattern that finds a word in a name, between anything but letters; behind a number no digit may follow."""
    return re.compile(rf"(?<![a-z])(?:{word})(?!{'[a-z0-9]' if word[-1].isdigit() else '[a-z]'})", re.IGNORECASE)


_WORDS = [tuple(map(_word, words)) for words in _VOCABULARIES]
EXACT = (("left", "right"), ("camera_left", "camera_right"))  # the latter in UnrealEgo's raw release
"""Names that are meant whatever else is in a folder."""
_DEVICE = "(?:cam|camera|view|eye|img|image|images|video)"
_FOLDERS = [
    tuple(re.compile(rf"(?:{_DEVICE}[_ -]?)?(?:{word})(?:[_ -]?{_DEVICE})?", re.I) for word in words)
    for words in _VOCABULARIES
]
_SEPARATORS = "_-. "
_MOST_NAMED = 10


class Views(NamedTuple):
    """Files of the left and of the right view, in no order; `name` is a file's name without the word for its view."""

    left: list[tuple[str, Path]]
    """Name and path of the left files."""
    right: list[tuple[str, Path]]
    """Name and path of the right files."""
    others: list[Path]
    """Files of neither."""


class Pair(NamedTuple):
    """The files of a frame; one of them may be missing."""

    name: str
    """Name of the frame."""
    left: Path | None
    """Its left file."""
    right: Path | None
    """Its right file."""


def visible(folder: Path) -> list[Path]:
    """What is in a folder, without hidden files such as ``.DS_Store`` and ``._1.png``, in the order of the numbers."""
    paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return sorted(paths, key=lambda path: by_number(path.stem))


def side_folders(folder: Path) -> tuple[Path, Path] | None:
    """The folders of the left and the right view inside a folder, or None.

    Raises:
        EgotapError: if several have a name for the same view.
    """
    for names in EXACT:
        left, right = (folder / name for name in names)
        if left.is_dir() and right.is_dir():
            return left, right
    folders = [path for path in visible(folder) if path.is_dir()]
    for patterns in _FOLDERS:
        matches = [[path for path in folders if pattern.fullmatch(path.name)] for pattern in patterns]
        if all(matches):
            for side, paths in zip(("left", "right"), matches, strict=True):
                if len(paths) > 1:
                    several = ", ".join(path.name for path in paths)
                    raise EgotapError(f"{folder} has several folders of the {side} view: {several}; give {BOTH}")
            return matches[0][0], matches[1][0]
    return None


def split_views(files: Sequence[Path]) -> Views | None:
    """The files of each view, by a word in their names; None if no words are in the names of both views.

    Examples:
        >>> views = split_views([Path("f_1_L.png"), Path("f_1_R.png"), Path("poses.png")])
        >>> views.left, views.others
        ([('f_1', PosixPath('f_1_L.png'))], [PosixPath('poses.png')])
    """
    for patterns in _WORDS:
        left, right, others = [], [], []
        for path in files:
            matches = [pattern.search(path.stem) for pattern in patterns]
            if (matches[0] is None) == (matches[1] is None):
                others.append(path)
            elif matches[0] is not None:
                left.append((_without(matches[0]), path))
            elif matches[1] is not None:
                right.append((_without(matches[1]), path))
        if left and right:
            return Views(left, right, others)
    return None


def name_views(left: Sequence[Path], right: Sequence[Path]) -> Views:
    """The files of two folders, named by their whole names."""
    return Views([(path.stem, path) for path in left], [(path.stem, path) for path in right], [])


def pair_up(views: Views) -> list[Pair]:
    """Frames made of files with the same name or, where that leaves fewer over, with the same numbers in their names.

    Raises:
        EgotapError: if two files of a view have the same name.
    """
    sides = (views.left, views.right)
    keys: list[Callable[[str, Path], object]] = [
        lambda name, _: name,
        lambda _, path: _bare(path.stem),
        lambda _, path: tuple(map(int, re.findall(r"\d+", _bare(path.stem)))),
    ]
    best: list[tuple[object, Path | None, Path | None]] = []
    for number, key in enumerate(keys):
        left, right = (_by_key(((key(name, path), path) for name, path in side), number == 0) for side in sides)
        if left is None or right is None:
            continue
        pairs = [(each, left.get(each), right.get(each)) for each in dict.fromkeys((*left, *right))]
        if not best or len(pairs) < len(best):
            best = pairs
    named = [
        Pair(key if isinstance(key, str) and key else (one or other).stem, one, other)  # type: ignore[union-attr]
        for key, one, other in best
    ]
    return sorted(named, key=lambda pair: by_number(pair.name))


def check_partners(pairs: Sequence[Pair], left_place: str, right_place: str) -> None:
    """Check that every file has a partner.

    Args:
        pairs: the frames.
        left_place: what the left files are, for the message.
        right_place: what the right files are.

    Raises:
        EgotapError: if one is missing. The message names up to ten files without a partner.
    """
    alone = [pair.left or pair.right for pair in pairs if pair.left is None or pair.right is None]
    if not alone:
        return
    left, right = (sum(path is not None for path in column) for column in list(zip(*pairs, strict=True))[1:])
    more = f" and {len(alone) - _MOST_NAMED} more" if len(alone) > _MOST_NAMED else ""
    raise EgotapError(
        f"{left_place}: {left} images, {right_place}: {right}. Without a partner of the same name or number: "
        f"{', '.join(map(str, alone[:_MOST_NAMED]))}{more}; add the missing images, or skip these frames with "
        "on_error=skip"
    )


def by_number(name: str) -> list[tuple[int, str]]:
    """A key that sorts frame_2 before frame_10.

    A point between digits separates two numbers, as in take 1, frame 9. Times in seconds are in their order if all have
    as many decimals.

    >>> sorted(["frame_1.10", "frame_1.9"], key=by_number), sorted(["1.90", "1.10"], key=by_number)
    (['frame_1.9', 'frame_1.10'], ['1.10', '1.90'])
    """
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if k % 2 else (0, part) for k, part in enumerate(parts)]


def _by_key(keyed: Iterable[tuple[object, Path]], strict: bool) -> dict[object, Path] | None:
    """Paths by key; None if a key is empty, or of two paths. ``strict``: two paths are an error."""
    paths: dict[object, Path] = {}
    for key, path in keyed:
        if key in paths and strict:
            raise EgotapError(f"{paths[key]} and {path} are images of the same name: remove one of them")
        if key in paths or key == ():
            return None
        paths[key] = path
    return paths


def _bare(stem: str) -> str:
    """A name without the word for its view, if it has one."""
    for patterns in _WORDS:
        for pattern in patterns:
            if match := pattern.search(stem):
                return _without(match)
    return stem


def _without(match: re.Match[str]) -> str:
    before, after = match.string[: match.start()], match.string[match.end() :]
    separator = before[-1] if before and before[-1] in _SEPARATORS else after[:1] if after[:1] in _SEPARATORS else ""
    before, after = before.rstrip(_SEPARATORS), after.lstrip(_SEPARATORS)
    return f"{before}{separator if before and after else ''}{after}"

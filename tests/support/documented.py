"""The commands that the pages of the documentation tell a reader to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
PAGES += sorted((ROOT / "docs").rglob("*.md")) + sorted((ROOT / "experiments").glob("**/README.md"))
PROGRAMS = "egotap|python|make|pip|wandb|tensorboard|mlflow|sbatch|srun|scancel|kill"
BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^ *```", re.M | re.S)
SPAN = re.compile(rf"(?<!`)`((?:{PROGRAMS}) [^`]+)`(?!`)")
OPTIONAL = re.compile(r" \[[a-z-].*?\](?= |$)")
NAMED_FILE = re.compile(r"(?:# @package \S+\n)?# (?P<name>my_\S+)\n")
ALTERNATIVES = re.compile(r"<(\w[\w-]*)\\?\|[^>]*>")


class Documented(NamedTuple):
    """A command of a page."""

    page: str
    """Path of the page in the repository."""
    text: str
    """The command on one line, without its comment and without what is in [brackets], which is optional."""
    in_block: bool
    """Whether it is in a block of code, not within a sentence or a table."""

    @property
    def environment(self) -> dict[str, str]:
        """Variables that are set in front of the program, as in ``PYTHONPATH=. egotap train``."""
        return dict(word.split("=", 1) for word in self._split()[0])

    @property
    def words(self) -> list[str]:
        """The program and its arguments."""
        return self._split()[1]

    def _split(self) -> tuple[list[str], list[str]]:
        words = shlex.split(self.text)
        first = next(k for k, word in enumerate(words) if not re.match(r"[A-Z_]+=", word))
        return words[:first], words[first:]


def documented() -> list[Documented]:
    """The commands of all pages in their order, each text once."""
    commands: dict[str, Documented] = {}
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        for text, in_block in commands_of(page.read_text(encoding="utf-8")):
            if text not in commands or (in_block and not commands[text].in_block):
                commands[text] = Documented(name, text, in_block)
    return list(commands.values())


def commands_of(markdown: str) -> Iterator[tuple[str, bool]]:
    """The commands of a page, and whether each is in a block of code.

    Every line of a ``bash`` block is a command, and so is a line of a block without a language that begins with a
    program. Within a text, something is a command if it has arguments and no ``...``: `egotap train` alone is a name.
    """
    joined = re.sub(r" *\\\n *", " ", markdown)
    for block in BLOCK.finditer(joined):
        for line in block["code"].splitlines():
            text = _plain(line)
            program = re.match(rf"({PROGRAMS}) ", text)
            if (
                text
                and not text.startswith(("export ", "source "))
                and (block["language"] == "bash" or (not block["language"] and program))
            ):
                yield text, True
    for span in SPAN.findall(BLOCK.sub("", joined)):
        text = _plain(" ".join(span.split()).replace("\\|", "|"))
        arguments = text.split()[1:]
        is_name = text.startswith("egotap ") and len(arguments) == 1 and arguments[0] != "doctor"
        if not is_name and "..." not in text and "<" not in text:
            yield text, False


def write_named_files(page: str, folder: Path) -> list[Path]:
    """Writes the files of a page into a folder, each as a reader copies it: the whole block, whose comment names it.

    Args:
        page: name of the page in docs/, without its ending.
        folder: where the paths of the comments begin.

    Returns:
        The files, in their order on the page.
    """
    paths = []
    for block in BLOCK.finditer((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")):
        named = NAMED_FILE.match(block["code"])
        if named and block["language"] in ("python", "yaml"):
            path = folder / named["name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block["code"], encoding="utf-8")
            paths.append(path)
    return paths


def _plain(line: str) -> str:
    text = re.sub(r"(^|\s+)#.*$", "", line).strip()
    return OPTIONAL.sub("", ALTERNATIVES.sub(r"\1", text))

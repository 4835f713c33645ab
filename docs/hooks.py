"""Adds the Markdown files outside docs/ and the list of configuration keys to the site.

Links are made to work there as they do in the repository.

In the repository, a page of docs/ links to ../README.md; in the site, docs/ is the root. A link to a file that is not a
page of the site (source code, a table, a folder) becomes the name of that file.
"""

from __future__ import annotations

import importlib.util
import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md"]
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]\n]*(?:\n[^\]\n]*)?)\]\((?P<target>[^)\s]+)\)")
IMAGE = re.compile(r"!\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages, and the pictures of the results that they show."""
    from mkdocs.structure.files import File

    outside = [ROOT / name for name in PAGES] + sorted((ROOT / "experiments").glob("**/*.md"))
    outside += sorted((ROOT / "experiments").glob("*/results/*.png"))
    for path in outside:
        place = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, _in_site(place), abs_src_path=str(path)))
    files.append(File.generated(config, "configuration.md", content=_configuration()))
    return files


def _configuration() -> str:
    spec = importlib.util.spec_from_file_location("configuration", Path(__file__).with_name("configuration.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.page(ROOT / "conf"))


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Rewrite the links of a page."""
    here = page.file.src_uri
    repository = "README.md" if here == "index.md" else here
    if here != "index.md" and not (ROOT / here).is_file():
        repository = f"docs/{here}"

    def rewritten(link: re.Match[str]) -> str:
        target, _, anchor = link["target"].partition("#")
        if not target or "://" in target or target.startswith("mailto:"):
            return link[0]
        place = posixpath.normpath(posixpath.join(posixpath.dirname(repository), target))
        there = _in_site(place)
        if files.get_file_from_path(there) is None:
            if not (ROOT / place).exists():
                return link[0]  # a link to nothing: MkDocs says so
            name = link["text"].strip("`")
            return f"`{name}`" if place.endswith(name) else f"{link['text']} (`{place}`)"
        relative = posixpath.relpath(there, posixpath.dirname(here) or ".")
        return link[0].replace(f"({link['target']})", f"({relative}{'#' + anchor if anchor else ''})")

    return IMAGE.sub(rewritten, LINK.sub(rewritten, markdown))


def _in_site(place: str) -> str:
    """Where a file of the repository is in the site."""
    return "index.md" if place == "README.md" else place.removeprefix("docs/")

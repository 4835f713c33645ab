"""What the documents tell a reader to type works."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra
import pytest
import yaml
from documented import PAGES, ROOT, documented
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

import egotap_pl
from egotap_pl.cli.configuration.words import named

CONF = ROOT / "conf"
COMMANDS = [  # those of docs/fidelity.md have a test of their own, which also builds what they compose
    command.words[1:]
    for command in documented()
    if command.words[0] == "egotap" and "--config-dir" not in command.text and command.page != "docs/fidelity.md"
]
LINKED = sorted({*PAGES, *ROOT.glob("*.md"), *ROOT.glob("notebooks/*.ipynb")})


def words(page: Path) -> str:
    """A page's Markdown without its code blocks."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        text = "\n".join(
            "".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"
        )
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub names them."""
    headings = re.findall(r"^#+ (.*)$", words(page), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def first_job(overrides: list[str]) -> list[str]:
    """A grid's first job: of every sweep the first value."""
    jobs = []
    for override in overrides:
        key, _, value = override.partition("=")
        if value.startswith("glob("):
            (pattern,) = re.findall(r"glob\((.*)\)", value)
            path = sorted((CONF / key).glob(f"{pattern}.yaml"))[0]
            jobs.append(f"{key}={path.relative_to(CONF / key).with_suffix('').as_posix()}")
            continue
        (parsed,) = OverridesParser.create().parse_overrides([override])
        if parsed.is_discrete_sweep():
            jobs.append(f"{key}={next(iter(parsed.sweep_string_iterator()))}")
        elif not parsed.is_sweep_override():
            jobs.append(override)
    return jobs


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_composes(
    command: list[str],
) -> None:  # a wrong verb, group, option or key is an error of Hydra's
    verb, *overrides = [word for word in command if word != "-m"]
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        hydra.compose(verb.replace("-", "_"), first_job(named(verb, overrides)))


def test_there_are_commands_of_every_verb() -> None:
    verbs = {path.stem.replace("_", "-") for path in CONF.glob("*.yaml")} - {"common"}
    assert {verb for verb, *_ in COMMANDS} >= verbs


def test_the_citation_names_the_version() -> None:
    assert f"\nversion: {egotap_pl.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", words(page)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        there = page.parent / name if name else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_the_python_of_the_pages_uses_what_is_there() -> None:
    used: set[str] = set()
    for page in LINKED:
        if page.suffix == ".md":
            text = page.read_text(encoding="utf-8")
            used |= set(re.findall(r"^::: (egotap_pl\S+)$", text, re.M))
            for code in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S):
                used |= set(package_names(ast.parse(code)))
    assert {"egotap_pl.Predictor", "egotap_pl.train", "egotap_pl.interop.load_lifter"} <= used
    for name in sorted(used):
        pkgutil.resolve_name(name)


def package_names(tree: ast.AST) -> list[str]:
    """Dotted names of this package that code imports, or takes from `egotap_pl`."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("egotap_pl"):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "egotap_pl":
            names.append(f"egotap_pl.{node.attr}")
    return names


def dotted(node: Any, key: str = "") -> Iterator[tuple[str, bool]]:
    """The dotted names of all keys, and whether their values are mappings."""
    for name, value in node.items() if isinstance(node, dict) else ():
        yield f"{key}{name}", isinstance(value, dict)
        yield from dotted(value, f"{key}{name}.")


def test_the_page_of_configuration_keys_has_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    configuration = importlib.import_module("configuration")
    page = configuration.page(CONF)
    for path in CONF.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        tree = yaml.safe_load(text) or {}
        tree.pop("defaults", None)
        names = dict(dotted(tree))
        listed = {key.name for key in configuration.keys(text)}
        assert listed <= names.keys(), path
        for name, is_mapping in names.items():
            assert is_mapping or any(f"{name}.".startswith(f"{other}.") for other in listed), f"{path}: {name}"
    assert "| `paths.runs` | `runs` | one folder per run |" in page
    assert "| `epochs` | `16` | 1 of warm-up and 15 |" in page


def test_the_reading_order_is_as_long_as_it_says() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    order = page.partition("## Reading order")[2].partition("To follow the command")[0]
    said = int(re.findall(r"about ([\d,]+) lines", order)[0].replace(",", ""))
    paths = [ROOT / "docs" / link for link in re.findall(r"\]\((\.\./src[^)]*)\)", order)]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))]
    assert len(paths) == 25
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) == pytest.approx(said, rel=0.05)

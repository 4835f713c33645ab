"""What the documents tell a reader to type works."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pytest
import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from processes import Command

import egotap_pl
from egotap_pl.cli.words import named

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
PAGES += sorted((ROOT / "docs").glob("*.md")) + sorted((ROOT / "experiments").glob("**/README.md"))
PAGES.remove(ROOT / "docs" / "fidelity.md")  # has a test of its own, which also builds what it composes
OPTIONAL = re.compile(r" \[[a-z-].*?\](?= |$)")


def commands() -> list[str]:
    """The `egotap` commands with overrides in code blocks and spans, each once; what is in [brackets] is optional."""
    typed: dict[str, None] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        lines = [
            line for block in re.findall(r"^```(?:bash)?\n(.*?)^```", text, re.M | re.S) for line in block.splitlines()
        ]
        spans = [" ".join(span.split()) for span in re.findall(r"(?<!`)`(egotap [^`]+)`(?!`)", text)]
        for command in [*lines, *spans]:
            command = command.partition(" #")[0].strip()
            own_folder = "--config-dir" in command or "<" in command or "..." in command
            if re.match(r"egotap \S+ \S", command) and not own_folder:
                typed[OPTIONAL.sub("", command)] = None
    return list(typed)


COMMANDS = commands()
LINKED = sorted({*PAGES, *ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("notebooks/*.ipynb")})


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


def test_there_are_commands_of_every_verb() -> None:
    assert {command.split()[1] for command in COMMANDS} >= {
        "prepare",
        "train",
        "evaluate",
        "predict",
        "import-weights",
        "export",
        "report",
        "view",
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_composes(command: str) -> None:  # a wrong verb, group, option or key is an error of Hydra's
    verb, *overrides = [word for word in shlex.split(command)[1:] if word != "-m"]
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        hydra.compose(verb.replace("-", "_"), first_job(named(verb, overrides)))


@pytest.mark.slow
def test_the_data_set_and_the_part_of_the_pages_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = []
    for page in ("data.md", "your-own-part.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        blocks += re.findall(r"^```(?:python|yaml)\n# (my_\S+)\n(.*?)^```", text, re.M | re.S)
    assert len(blocks) == 4
    for name, content in blocks:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    random = np.random.default_rng(0)
    for split, frames in {"train": 16, "validation": 4, "test": 5}.items():
        (tmp_path / "recorded" / split).mkdir(parents=True)
        np.savez(
            tmp_path / "recorded" / split / "walk.npz",
            images=random.integers(0, 256, (frames, 2, 3, 64, 64), np.uint8),
            pose_cm=random.normal(0, 30, (frames, 16, 3)).astype(np.float32),
            pelvis_cm=random.normal((-6, 20, 70), 3, (frames, 3)).astype(np.float32),
        )
    monkeypatch.syspath_prepend(str(tmp_path))
    overrides = ["data=npz", "data.root=recorded", "data.workers=0", "scale=smoke", "training.epochs=1", "name=own"]
    own = ("--config-dir", "my_conf", "lifter/propagation=sum")
    ended = Command(tmp_path, "train", *own, *overrides, "heatmaps=truth").end()
    assert ended.status == 0, ended
    folder = tmp_path / "runs" / "custom" / "npz" / "own"
    assert "my_idea.propagation.SumPropagation" in (folder / "config.yaml").read_text(encoding="utf-8")
    assert '"frames": 5' in (folder / "metrics.json").read_text(encoding="utf-8")


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

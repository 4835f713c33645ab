"""What tests of several rooms share."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from jaxtyping import install_import_hook
from made_once import compose_once, parse_once

pytest_plugins = ["commands", "finished_runs"]  # of tests/support


def _modules_with_shapes() -> list[str]:
    """The modules of the package that say the shapes of arrays."""
    package = find_spec("egotap_pl")
    assert package is not None
    (root,) = map(Path, package.submodule_search_locations or ())
    files = [path for path in root.rglob("*.py") if "from jaxtyping import" in path.read_text()]
    return [".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__") for path in files]


# Shapes are checked wherever they are said. mypy knows the arguments of all other functions beforehand; checking them
# here, too, makes small functions slow.
install_import_hook(_modules_with_shapes(), "beartype.beartype")

gc.disable()  # until everything is imported: see `_no_garbage_among_imports`

# With -n, this process hands out the tests to workers and runs none: it does not need these, which take seconds.
if "PYTEST_XDIST_WORKER" in os.environ or not any(word.startswith("-n") for word in sys.argv):
    # Before our own modules: what these import under jaxtyping's import hook does not come from Python's usual cache.
    import lightning.pytorch  # noqa: F401


@pytest.fixture(autouse=True, scope="session")
def _configuration_parsed_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        parse_once(monkeypatch)
        compose_once(monkeypatch)
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_garbage_among_imports() -> None:
    """What was imported stays. To look for garbage in it, time and again, takes a tenth of the tests' time."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Tests run side by side, one process per core."""
    import torch

    torch.set_num_threads(1)

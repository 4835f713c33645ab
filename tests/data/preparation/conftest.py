"""What several tests of preparation compare with."""

from __future__ import annotations

import pytest
from fake_source import FakeSource
from preparing import content, run


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The content of the stores that a single, uninterrupted job makes of `FakeSource`."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    run(FakeSource(), folder)
    return content(folder)

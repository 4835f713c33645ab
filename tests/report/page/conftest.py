"""What tests of the page share."""

from __future__ import annotations

import pytest
from page_content import made_report

from egotap_pl.report.contents import Report


@pytest.fixture(scope="session")
def report() -> Report:
    """A report with everything that a page can show."""
    return made_report()

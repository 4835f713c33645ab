"""A report as one HTML page that needs nothing but a browser."""

from egotap_pl.report.page.document import write_page

__all__ = ["write_page"]

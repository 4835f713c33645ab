"""A report as one HTML page that needs nothing but a browser."""

from egotap_pl.report.page.document import anchor, anchors_of, write_page

__all__ = ["anchor", "anchors_of", "write_page"]

"""Everything that makes a report of finished runs: tables, illustrations, text and the HTML page."""

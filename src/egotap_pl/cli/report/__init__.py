"""`egotap report`: finished runs to tables, figures, and one HTML page."""


def main() -> None:
    """The verb. Imported late: the table at the end of a multirun uses parts of this package, and no figures."""
    from egotap_pl.cli.report.command import main as report

    report()

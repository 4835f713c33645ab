"""`egotap prepare`: reads or renders a data set into frame stores, and can write it in another data set's layout."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from egotap_pl.cli.check_table import print_check
from egotap_pl.cli.configuration.composing import plain
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import RESULT, say
from egotap_pl.data.preparation.shard import WHOLE, Shard
from egotap_pl.data.recordings.gaps import check_on_error
from egotap_pl.engine.build import Spec, build
from egotap_pl.engine.datasets import check_data, ensure_data
from egotap_pl.engine.own_cameras import with_own_cameras
from egotap_pl.engine.settings import DataSpec


def main(config: DictConfig) -> None:
    """Check or prepare the data set; with ``layout``, also write it as another data set's files."""
    settings = plain(config)
    shard = _checked(settings)
    data, root = DataSpec.parse(with_own_cameras(settings)), Path(settings["paths"]["data"])
    if settings["check"]:
        report, path = check_data(data, root, shard)
        print_check(report, RESULT)
        say(f"report: {path}")
        if not report.is_clean:
            raise EgotapError(f"some of {data.name} is missing or damaged, see {path}; on_error=skip skips it")
        return
    folder, _ = ensure_data(data, root, settings["overwrite"], settings["on_error"] == "skip", shard)
    if settings["layout"] is not None:
        output = Path(settings["output"]).absolute()
        build(settings["layout"])(folder, output)
        say(f"layout written to {output}")


def _checked(settings: Spec) -> Shard:
    """Check values and their combinations, and parse the shard.

    Raises:
        EgotapError: if a value is wrong, or two do not go together.
    """
    for key in ("check", "overwrite"):
        if not isinstance(settings[key], bool):
            raise EgotapError(f"{key}={settings[key]}: must be true or false")
    check_on_error(settings["on_error"])
    workers = settings["data"]["workers"]
    if workers is not None and (not isinstance(workers, int) or workers < 0):
        raise EgotapError(
            f"data.workers={workers}: must be a number of processes, 0 for none, or null for one per processor"
        )
    shard = WHOLE if settings["shard"] is None else Shard.parse(str(settings["shard"]))
    has_layout, has_output = settings["layout"] is not None, settings["output"] is not None
    if has_layout != has_output:
        raise EgotapError("layout=... and output=DIR go together: give both or neither")
    if has_layout and (settings["check"] or shard != WHOLE):
        raise EgotapError("a layout needs complete stores: leave out check and shard, or layout and output")
    return shard

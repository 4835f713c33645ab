"""Every preset of a table has a name, and no name is of a preset that is not there."""

from __future__ import annotations

from egotap_pl.cli.configuration.composing import conf_dir
from egotap_pl.report.making import known_presets
from egotap_pl.report.names import names_by_table

FOLDER = conf_dir() / "experiment"
PRESETS = {
    path.relative_to(FOLDER).with_suffix("").as_posix()
    for path in FOLDER.glob("*/*.yaml")
    if path.parent.name != "beyond"
}
"""The presets of tables; those of conf/experiment/beyond are named after their files."""


def test_the_presets_of_the_tables_are_those_of_the_configuration() -> None:
    assert set(known_presets()) == PRESETS
    assert len(known_presets()) == len(PRESETS)


def test_every_preset_but_the_zeros_has_a_name_that_its_table_has_once() -> None:
    names = names_by_table()
    assert {preset for table in names.values() for preset in table} == PRESETS - {"table3/zeros"}
    for table, by_preset in names.items():
        assert len(set(by_preset.values())) == len(by_preset), table
        assert all(preset.startswith(f"{table}/") for preset in by_preset)
    assert list(names) == ["table1", "table2", "propagation", "table3"]
    assert names["table2"]["table2/grid_vit_pu"] == "+ PU (EgoTAP)"
    assert list(names["propagation"].values())[:2] == ["PU (tree)", "PU (tree, shifted rows)"]

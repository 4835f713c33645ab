"""Imported after the program by the process that commands are forked from (`processes`): what each would do first.

Forks have the configuration and EgoSynth's frames at smoke size in memory, as commands in a test's own process do.
"""

from __future__ import annotations

import pytest
from composed import compose
from made_once import make_once, parse_once
from PIL import Image

from egotap_pl.engine.build import build

_kept = pytest.MonkeyPatch()
parse_once(_kept)
make_once(_kept)
Image.init()  # the formats that pictures are read and written in

source = build(compose("scale=smoke")["data"]["source"])
for split in source.splits():
    for take in source.plan(split):
        source.read(take)

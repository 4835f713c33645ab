"""Reads offline runs of Weights & Biases: a log in LevelDB's format with a protocol buffer per record."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BLOCK = 32768
FILE_HEADER, RECORD_HEADER = 7, 7
FULL, LAST = 1, 4


@dataclass
class OfflineRun:
    """The content of a run."""

    id: str = ""
    name: str = ""
    group: str = ""
    job_type: str = ""
    tags: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    """One for every call of log; the keys of nested values are joined by dots."""

    config: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    """None for a run that was not closed."""

    @property
    def keys(self) -> set[str]:
        return {key for row in self.rows for key in row}

    def values(self, key: str) -> list[Any]:
        return [row[key] for row in self.rows if key in row]


def offline_runs(folder: Path) -> list[OfflineRun]:
    """All runs below a folder, in the order in which they were started, once wandb's process writes them."""
    paths = [path for path in folder.rglob("offline-run-*/run-*.wandb") if path.stat().st_size]
    return [read_run(path) for path in sorted(paths, key=lambda path: path.parent.name)]


def read_run(path: Path) -> OfflineRun:
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]  # the module makes it while it is imported

    run = OfflineRun()
    for data in _records(path.read_bytes()):
        record = Record.FromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.id, run.name = record.run.run_id, record.run.display_name
            run.group, run.job_type, run.tags = record.run.run_group, record.run.job_type, list(record.run.tags)
            run.config.update(_items(record.run.config.update))
        elif kind == "config":
            run.config.update(_items(record.config.update))
        elif kind == "history":
            run.rows.append(_items(record.history.item))
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    return run


def _items(items: Any) -> dict[str, Any]:
    return {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


def _records(data: bytes) -> list[bytes]:
    """The records of the log. Those that span blocks are joined; a last one that is cut off is ignored."""
    assert data[:4] == b":W&B"
    records, part, at = [], b"", FILE_HEADER
    while at + RECORD_HEADER <= len(data):
        left = BLOCK - at % BLOCK
        if left < RECORD_HEADER:  # filled up with zeros
            at += left
            continue
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        part += data[at + RECORD_HEADER : at + RECORD_HEADER + size]
        at += RECORD_HEADER + size
        if kind in (FULL, LAST):
            records.append(part)
            part = b""
    return records

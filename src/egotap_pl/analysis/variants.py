"""Runs as what they are repetitions of: variants, under conditions that allow comparing them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from egotap_pl.analysis.runs import Run

_SLUG_LENGTH = 80
_METHOD = ("lifter.", "heatmaps.", "estimators.", "training.task.")  # where a configuration chooses the method's parts

Changes = tuple[tuple[str, str], ...]
_Key = tuple[str, str, str, Changes]


class IdentifiedRun(NamedTuple):
    """A run and what its configuration turned out to be.

    Fields:
        run: the run.
        key: of its configuration and data; the same for runs that differ in the seed, in paths or in devices alone.
        presets: the presets that have this configuration, but for ``changes``; the one that it was started as first.
        scale: name of the scale.
        changes: what was changed in the presets, as overrides, by key.
        setup: overrides that say where data and runs are; they change no result.
    """

    run: Run
    key: str
    presets: tuple[str, ...]
    scale: str
    changes: Changes
    setup: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Variant:
    """Runs that differ in the seed alone.

    Args:
        presets: see `IdentifiedRun`.
        started_as: the names that the runs were started under.
        runs: one per seed, in the order of seeds.
        repeated: runs with a configuration and a seed that ``runs`` has already.
        changes: what a part of a user's own changes in the presets, as overrides, by key; mostly nothing.
    """

    presets: tuple[str, ...]
    started_as: tuple[str, ...]
    runs: tuple[Run, ...]
    repeated: tuple[Run, ...] = ()
    changes: Changes = ()

    @property
    def name(self) -> str:
        """The preset that it is called by."""
        return self.presets[0] if self.presets else self.started_as[0]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of its runs."""
        return tuple(run.seed for run in self.runs)

    def values(self, metric: str) -> list[float]:
        """A number of metrics.json, per seed."""
        return [float(run.metrics[metric]) for run in self.runs]

    @property
    def known_as(self) -> str:
        """One name for all variants of the same presets, whichever of them they were started as."""
        return min(self.presets or self.started_as)


@dataclass(frozen=True, eq=False)
class Condition:
    """Variants that differ in what a preset chooses and in nothing else.

    Args:
        dataset: name of the data set.
        fingerprint: of its prepared data.
        scale: name of the scale.
        changes: what was changed in all presets alike, as overrides, by key.
        setup: overrides that say where data and runs are.
        variants: in the order of their names.
        ablated: presets that were run under other conditions on the same data, too (`Variant.known_as`).
    """

    dataset: str
    fingerprint: str
    scale: str
    changes: Changes
    setup: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = field(default=())
    ablated: frozenset[str] = frozenset()

    @cached_property
    def by_preset(self) -> Mapping[str, Variant]:
        """The variant of each preset, as it is."""
        return {preset: variant for variant in self.variants for preset in variant.presets if not variant.changes}

    def has_table(self, presets: Sequence[str]) -> bool:
        """Whether a table of these presets is wished for: something was run under their names, or all of them is there.

        Not if there are fewer than half of its rows and each was run under other conditions, too: that is an ablation
        of these rows (`ablations`), not the beginning of the table.
        """
        rows = [variant for preset in presets if (variant := self.by_preset.get(preset)) is not None]
        started = {name for variant in rows for name in variant.started_as if name in variant.presets}
        if len(rows) < len(presets) and not started.intersection(presets):
            return False
        return 2 * len(rows) >= len(presets) or any(variant.known_as not in self.ablated for variant in rows)

    @property
    def overrides(self) -> tuple[str, ...]:
        """What was changed, as it is written on a command line."""
        return typed(self.changes)

    @property
    def title(self) -> str:
        """One line for a reader."""
        changed = ", ".join(self.overrides)
        return f"{self.dataset}, scale={self.scale}" + (f", {changed}" if changed else "")

    @property
    def slug(self) -> str:
        """The title as part of a file's name."""
        words = [self.dataset, self.scale, *(re.sub(r"^.*\.(?=\w+=)", "", word) for word in self.overrides)]
        slug = re.sub(r"[^a-z0-9_.]+", "-", "_".join(words).lower()).strip("-.")
        return slug if len(slug) <= _SLUG_LENGTH else f"{slug[:_SLUG_LENGTH]}-{_short(self.title)}"

    def command(self, presets: Sequence[str], seeds: Sequence[int], changes: Changes = ()) -> str:
        """What trains presets with seeds, and with changes of their own, under this condition."""
        wanted = [f"experiment={','.join(presets)}", f"data={self.dataset}", f"scale={self.scale}"]
        wanted += [f"seed={','.join(map(str, seeds))}", *self.overrides, *typed(changes), *self.setup]
        words = [f"'{word}'" if re.search(r"[^\w=.,/:+@~-]", word) else word for word in wanted]
        return " ".join(["egotap train", *(["-m"] if len(presets) * len(seeds) > 1 else []), *words])


@dataclass(frozen=True, eq=False)
class Ablation:
    """A preset under several conditions on the same data at the same scale.

    Args:
        preset: its name.
        members: conditions and the preset's variants under them, those with the fewest changes first.
    """

    preset: str
    members: tuple[tuple[Condition, Variant], ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """What was changed in some members and not in all alike: keys of overrides."""
        every = [condition.changes for condition, _ in self.members]
        common = set.intersection(*map(set, every))
        return tuple(dict.fromkeys(key for changes in every for key, value in changes if (key, value) not in common))

    def label(self, condition: Condition, variant: Variant, separator: str = ", ") -> str:
        """What distinguishes a member from the others, e.g. ``depth=2, dropout=0.1``."""
        values = {key: changed(condition, variant, key) for key in self.keys}
        told = [f"{key.rpartition('.')[2].lstrip('~')}={value}" for key, value in values.items() if value]
        return separator.join(told) or "as it is"


def changed(condition: Condition, variant: Variant, key: str) -> str:
    """A setting of a variant as it is written on a command line; empty where the preset's own choice of many stands."""
    told = dict(condition.changes)
    value = told[key] if key in told else variant.runs[0].setting(key.lstrip("~+"))
    return "" if value is None or isinstance(value, (Mapping, list)) else str(value)


def ablations(conditions: Iterable[Condition]) -> list[Ablation]:
    """The presets that were run under several conditions on the same data at the same scale."""
    found: dict[tuple[str, str, str, str], list[tuple[Condition, Variant]]] = defaultdict(list)
    for condition in conditions:
        for variant in condition.variants:
            if variant.known_as in condition.ablated and not variant.changes:
                data = (condition.dataset, condition.fingerprint, condition.scale)
                found[(*data, variant.known_as)].append((condition, variant))
    ordered = [sorted(members, key=lambda member: _natural(member[0].changes)) for members in found.values()]
    return [Ablation(members[0][1].name, tuple(members)) for members in ordered]


def group(runs: Iterable[IdentifiedRun]) -> list[Condition]:
    """Runs to variants, variants to conditions, those with most runs first.

    The same configuration and seed counts once, whatever preset it was run as: the run whose folder comes first. A run
    with a part of the user's own stands beside the presets that it has most other changes in common with.
    """
    conditions: dict[_Key, list[tuple[IdentifiedRun, Changes]]] = defaultdict(list)
    for entry in sorted(runs, key=lambda entry: bool(_own_part(entry.changes))):
        changes, own = entry.changes, _own_part(entry.changes)
        data = (str(entry.run.metrics["dataset"]), str(entry.run.metrics["dataset_fingerprint"]), entry.scale)
        if own:
            like = [key[-1] for key in conditions if key[:-1] == data and set(key[-1]) <= set(changes)]
            changes = max(like, key=len, default=tuple(change for change in changes if change not in own))
        conditions[(*data, changes)].append((entry, tuple(change for change in entry.changes if change not in changes)))
    found = [Condition(*key, _setup(entries), _variants(entries)) for key, entries in conditions.items()]
    seen = Counter((c.dataset, c.fingerprint, c.scale, v.known_as) for c in found for v in c.variants if not v.changes)
    repeated = {key for key, times in seen.items() if times > 1}
    found = [
        replace(c, ablated=frozenset(name for *data, name in repeated if data == [c.dataset, c.fingerprint, c.scale]))
        for c in found
    ]
    return sorted(found, key=lambda c: (-sum(len(v.runs) for v in c.variants), c.title, c.fingerprint))


def _own_part(changes: Changes) -> Changes:
    """What belongs to a part of the user's own: nothing if no class of the method was changed."""
    method = tuple((key, value) for key, value in changes if key.startswith(_METHOD))
    return method if any(key.endswith("._target_") for key, _ in method) else ()


def typed(changes: Changes) -> tuple[str, ...]:
    """Changes as they are written on a command line."""
    return tuple(value if value.startswith("~") else f"{key}={value}" for key, value in changes)


def _variants(entries: Sequence[tuple[IdentifiedRun, Changes]]) -> tuple[Variant, ...]:
    by_key: dict[str, list[tuple[IdentifiedRun, Changes]]] = defaultdict(list)
    for entry, own in sorted(entries, key=lambda each: str(each[0].run.folder)):
        by_key[entry.key].append((entry, own))
    found = (_variant([entry for entry, _ in same], same[0][1]) for same in by_key.values())
    return tuple(sorted(found, key=lambda variant: variant.name))


def _variant(entries: Sequence[IdentifiedRun], changes: Changes) -> Variant:
    runs: dict[int, Run] = {}
    repeated = []
    for entry in entries:
        if runs.setdefault(entry.run.seed, entry.run) is not entry.run:
            repeated.append(entry.run)
    started_as = tuple(sorted({entry.run.experiment for entry in entries}))
    presets = tuple(dict.fromkeys([*(p for p in started_as if p in entries[0].presets), *entries[0].presets]))
    return Variant(presets, started_as, tuple(runs[seed] for seed in sorted(runs)), tuple(repeated), changes)


def _setup(entries: Sequence[tuple[IdentifiedRun, Changes]]) -> tuple[str, ...]:
    return tuple(sorted({word for entry, _ in entries for word in entry.setup}))


def _natural(changes: Changes) -> tuple[object, ...]:
    """Fewer changes first, and numbers in their order."""
    parts = [
        (key, float(value) if re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", value) else 0.0, value) for key, value in changes
    ]
    return len(parts), *parts


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]

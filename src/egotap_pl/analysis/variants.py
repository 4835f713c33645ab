"""Runs grouped into variants, and variants into conditions under which they can be compared.

A variant is what a configuration differs in, seeds aside. A condition is the data set, the scale and the heatmaps that
variants share. An ablation is a preset that was run under several conditions.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from egotap_pl.analysis.runs import Run

_SLUG_LENGTH = 80
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")
_METHOD = ("lifter.", "heatmaps.", "estimators.", "training.task.")  # where a configuration chooses a method's parts

Changes = tuple[tuple[str, str], ...]
"""Changes of a preset: (key, value) of each override. The key begins with a plus where the preset does not have it."""
_Key = tuple[str, str, str, Changes]


class IdentifiedRun(NamedTuple):
    """A run with the presets that its configuration belongs to."""

    run: Run
    """The run."""
    key: str
    """Key of its configuration and data; equal for runs that differ only in the seed, in paths or in devices."""
    presets: tuple[str, ...]
    """The presets that have this configuration except for ``changes``. The one that the run was started as comes
    first."""
    scale: str
    """Name of the scale."""
    changes: Changes
    """How the configuration differs from the presets'."""
    setup: tuple[str, ...]
    """Overrides that say where data and runs are. They change no result."""


@dataclass(frozen=True, eq=False)
class Variant:
    """Runs that differ only in the seed."""

    presets: tuple[str, ...]
    """The presets that have this configuration except for ``changes``."""
    started_as: tuple[str, ...]
    """The presets that the runs were started as."""
    runs: tuple[Run, ...]
    """One run per seed, in the order of the seeds."""
    repeated: tuple[Run, ...] = ()
    """More runs with a seed that ``runs`` already has."""
    changes: Changes = ()
    """How a user's own class changes the presets; empty for most variants."""

    @property
    def name(self) -> str:
        """The preset that the variant is named after."""
        return self.presets[0] if self.presets else self.started_as[0]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the runs."""
        return tuple(run.seed for run in self.runs)

    def values(self, metric: str) -> list[float]:
        """A number of metrics.json for each seed."""
        return [float(run.metrics[metric]) for run in self.runs]

    @property
    def known_as(self) -> str:
        """One name for all variants of the same presets, whichever preset they were started as."""
        return min(self.presets or self.started_as)


@dataclass(frozen=True, eq=False)
class Condition:
    """Variants that differ only in what a preset chooses."""

    dataset: str
    """Name of the data set."""
    fingerprint: str
    """Fingerprint of the prepared data."""
    scale: str
    """Name of the scale."""
    changes: Changes
    """Changes that all variants share."""
    setup: tuple[str, ...] = ()
    """Overrides that say where data and runs are."""
    variants: tuple[Variant, ...] = field(default=())
    """The variants, in the order of their names."""
    ablated: frozenset[str] = frozenset()
    """Variants that were also run under other conditions on the same data (`Variant.known_as`)."""
    shares_title: bool = False
    """Whether other prepared data of the same name were used with the same scale and changes."""

    @cached_property
    def by_preset(self) -> Mapping[str, Variant]:
        """The variant of each preset that was run without changes of its own."""
        return {preset: variant for variant in self.variants for preset in variant.presets if not variant.changes}

    def has_table(self, presets: Sequence[str]) -> bool:
        """Whether to make a table of these presets: a run was started as one of them, or all of them have runs.

        Not if fewer than half of the rows have runs and each of these was also run under other conditions. Then they
        are ablations of single rows (`ablations`), not the beginning of a table.
        """
        rows = [variant for preset in presets if (variant := self.by_preset.get(preset)) is not None]
        started = {name for variant in rows for name in variant.started_as if name in variant.presets}
        if len(rows) < len(presets) and not started.intersection(presets):
            return False
        return 2 * len(rows) >= len(presets) or any(variant.known_as not in self.ablated for variant in rows)

    @property
    def overrides(self) -> tuple[str, ...]:
        """The changes as words of a command line."""
        return as_overrides(self.changes)

    @property
    def title(self) -> str:
        """A line for readers."""
        data = [f"data {self.fingerprint[:8]}"] if self.shares_title else []
        return ", ".join((self.dataset, f"scale={self.scale}", *self.overrides, *data))

    @property
    def slug(self) -> str:
        """The title in a form for file names."""
        words = [self.dataset, self.scale, *(re.sub(r"^.*\.(?=\w+=)", "", word) for word in self.overrides)]
        slug = re.sub(r"[^a-z0-9_.]+", "-", "_".join(words).lower()).strip("-.")
        return slug if len(slug) <= _SLUG_LENGTH else f"{slug[:_SLUG_LENGTH]}-{_short(self.title)}"

    def command(self, presets: Sequence[str], seeds: Sequence[int], changes: Changes = ()) -> str:
        """The command that trains presets under this condition.

        Args:
            presets: names of the presets.
            seeds: seeds to train each of them with.
            changes: further changes of these presets.
        """
        overrides = [f"experiment={','.join(presets)}", f"data={self.dataset}", f"scale={self.scale}"]
        overrides += [f"seed={','.join(map(str, seeds))}", *self.overrides, *as_overrides(changes), *self.setup]
        words = [shlex.quote(word) if re.search(r"[^\w=.,/:+@~-]", word) else word for word in overrides]
        return " ".join(["egotap train", *(["-m"] if len(presets) * len(seeds) > 1 else []), *words])


@dataclass(frozen=True, eq=False)
class Ablation:
    """A preset under several conditions on the same data at the same scale."""

    preset: str
    """Name of the preset."""
    members: tuple[tuple[Condition, Variant], ...]
    """Each condition with the preset's variant, those with the fewest changes first."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the changes that not all members share."""
        every = [condition.changes for condition, _ in self.members]
        common = set.intersection(*map(set, every))
        return tuple(dict.fromkeys(key for changes in every for key, value in changes if (key, value) not in common))

    def label(self, condition: Condition, variant: Variant, separator: str = ", ") -> str:
        """What distinguishes a member from the others, such as ``depth=2, dropout=0.1``.

        Args:
            condition: the member's condition.
            variant: the member's variant.
            separator: text between two settings.
        """
        last = {key: key.rpartition(".")[2].lstrip("~") for key in self.keys}
        names = {key: name if [*last.values()].count(name) == 1 else key for key, name in last.items()}
        settings = [f"{names[k]}={value}" for k in self.keys if (value := setting_text(condition, variant, k))]
        return separator.join(settings) or "as it is"


def setting_text(condition: Condition, variant: Variant, key: str) -> str:
    """A setting of a variant as on a command line; empty if it is no single value, or not set.

    Args:
        condition: the variant's condition.
        variant: the variant.
        key: key of a change (`Ablation.keys`).
    """
    changes = dict(condition.changes)
    value = changes[key] if key in changes else variant.runs[0].setting(key.lstrip("~+"))
    return "" if value is None or isinstance(value, (Mapping, list)) else str(value)


def ablations(conditions: Iterable[Condition]) -> list[Ablation]:
    """The presets that were run under several conditions on the same data at the same scale."""
    by_preset: dict[tuple[str, str, str, str], list[tuple[Condition, Variant]]] = defaultdict(list)
    for condition in conditions:
        for variant in condition.variants:
            if variant.known_as in condition.ablated and not variant.changes:
                data = (condition.dataset, condition.fingerprint, condition.scale)
                by_preset[(*data, variant.known_as)].append((condition, variant))
    ordered = [sorted(members, key=lambda member: _natural(member[0].changes)) for members in by_preset.values()]
    return [Ablation(members[0][1].name, tuple(members)) for members in ordered]


def group(runs: Iterable[IdentifiedRun]) -> list[Condition]:
    """Groups runs into variants and variants into conditions; the conditions with most runs come first.

    The same configuration with the same seed counts once, whatever preset it was started as: the run whose folder comes
    first. A run with a class of the user's own joins the presets with which it shares most other changes.

    Examples:
        >>> from pathlib import Path
        >>> def identified(preset: str, seed: int) -> IdentifiedRun:
        ...     metrics = {"experiment": preset, "dataset": "egosynth", "dataset_fingerprint": "0123"}
        ...     run = Run(Path(preset, str(seed)), {"seed": seed}, metrics)
        ...     return IdentifiedRun(run, preset, (preset,), "tiny", (("training.epochs", "6"),), ())
        >>> (condition,) = group([identified("cnn", 1), identified("cnn", 2), identified("grid_vit", 1)])
        >>> condition.title
        'egosynth, scale=tiny, training.epochs=6'
        >>> [(variant.name, variant.seeds) for variant in condition.variants]
        [('cnn', (1, 2)), ('grid_vit', (1,))]
    """
    conditions: dict[_Key, list[tuple[IdentifiedRun, Changes]]] = defaultdict(list)
    for entry in sorted(runs, key=lambda entry: bool(_own_part(entry.changes))):
        changes, own = entry.changes, _own_part(entry.changes)
        data = (str(entry.run.metrics["dataset"]), str(entry.run.metrics["dataset_fingerprint"]), entry.scale)
        if own:
            shared = [key[-1] for key in conditions if key[:-1] == data and set(key[-1]) <= set(changes)]
            changes = max(shared, key=len, default=tuple(change for change in changes if change not in own))
        conditions[(*data, changes)].append((entry, tuple(change for change in entry.changes if change not in changes)))
    grouped = [Condition(*key, _setup(entries), _variants(entries)) for key, entries in conditions.items()]
    return sorted(_with_ablated(grouped), key=lambda c: (-sum(len(v.runs) for v in c.variants), c.title, c.fingerprint))


def _with_ablated(conditions: Sequence[Condition]) -> list[Condition]:
    """The conditions with `Condition.ablated` and `Condition.shares_title` filled in."""
    times = Counter(
        (c.dataset, c.fingerprint, c.scale, v.known_as) for c in conditions for v in c.variants if not v.changes
    )
    repeated = {key for key, number in times.items() if number > 1}
    titles = Counter(c.title for c in conditions)
    return [
        replace(
            c,
            shares_title=titles[c.title] > 1,
            ablated=frozenset(name for *data, name in repeated if data == [c.dataset, c.fingerprint, c.scale]),
        )
        for c in conditions
    ]


def _own_part(changes: Changes) -> Changes:
    """The changes that belong to a class of the user's own; empty if no class of the method was changed."""
    method = tuple((key, value) for key, value in changes if key.lstrip("+").startswith(_METHOD))
    return method if any(key.endswith("._target_") for key, _ in method) else ()


def as_overrides(changes: Changes) -> tuple[str, ...]:
    """Changes as words of a command line.

    Examples:
        >>> as_overrides((("lifter.file", "~/mine.csv"), ("lifter.dropout", "~lifter.dropout")))
        ('lifter.file=~/mine.csv', '~lifter.dropout')
    """
    return tuple(value if value == f"~{key}" else f"{key}={value}" for key, value in changes)


def _variants(entries: Sequence[tuple[IdentifiedRun, Changes]]) -> tuple[Variant, ...]:
    by_key: dict[str, list[tuple[IdentifiedRun, Changes]]] = defaultdict(list)
    for entry, own in sorted(entries, key=lambda each: str(each[0].run.folder)):
        by_key[entry.key].append((entry, own))
    variants = (_variant([entry for entry, _ in same], same[0][1]) for same in by_key.values())
    return tuple(sorted(variants, key=lambda variant: variant.name))


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
    """A sort key: fewer changes first, numbers by their value."""
    parts = [(key, float(value) if _NUMBER.fullmatch(value) else 0.0, value) for key, value in changes]
    return len(parts), *parts


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]

"""The allowlist: which classes a configuration from a file may name. All its other values must be plain."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.build import current_name

PACKAGES = ("egotap_pl.nn", "egotap_pl.tasks", "egotap_pl.losses", "egotap_pl.metrics")
"""Packages whose classes are allowed: creating one reads or writes no file."""
TORCH = {"torch.nn.modules": (nn.Module,), "torch.optim": (Optimizer, LRScheduler)}
"""Packages of torch, each with the base classes whose subclasses are allowed."""
FACTORIES = frozenset(
    {
        "egotap_pl.tasks.optimisation.adamw_without_decay_of_scales",
        "egotap_pl.tasks.schedules.constant_then_linear",
        "egotap_pl.tasks.schedules.falling_in_steps",
        "egotap_pl.tasks.schedules.warmup_cosine",
        "egotap_pl.tasks.d_adaptation.d_adapted_sgd",
        "egotap_pl.interop.egotap.LifterSizes",
        "egotap_pl.interop.egotap.release_lifter",
        "egotap_pl.interop.baselines.BaselineSizes",
        "egotap_pl.interop.baselines.ego3dpose_lifter",
        "egotap_pl.interop.baselines.unrealego_lifter",
    }
)
"""Functions and dataclasses that this package's presets also name in a task. Any other function is refused."""

MAX_VALUES, MAX_DEPTH = 10_000, 50
"""Largest number of values, and deepest nesting, of a configuration from a file."""
_ROOTS = (*PACKAGES, "egotap_pl.interop", "torch.nn", "torch.optim")  # where the allowlist's names are looked up
_COMPARED = ("egotap_pl.core", "egotap_pl.data")  # where further classes are that are compared and never called
_OWN = ("egotap_pl", "torch")  # never trusted entirely: both have functions that read, write and run files
_CONVERSIONS = ("none", "partial", "object", "all")


def check_spec_of_file(spec: Any, trust: Sequence[str], origin: str) -> None:
    """Check that a spec from a file is safe to instantiate. The check itself instantiates and resolves nothing.

    Args:
        spec: plain containers; every ``_target_`` in them is checked, at any depth.
        trust: see `is_trusted`.
        origin: the file and the part of it, for messages.

    Raises:
        EgotapError: if the spec names a class that is neither on the allowlist nor trusted, contains an interpolation
            or a value that is not plain, or is too large or too deep.
    """
    trust = entries(trust)
    check_plain(spec, origin)
    for where, node, _ in _values(spec, origin, 0):
        if isinstance(node, dict):
            _check_keys_of_hydra(node, where)
            if "_target_" in node and (reason := objection(node["_target_"], trust)) is not None:
                raise EgotapError(f"{where} names {node['_target_'][:200]}, {reason}")


def check_plain(content: Any, origin: str) -> None:
    """Check that the content of a file is only dictionaries, lists, text, numbers, true, false and null.

    Raises:
        EgotapError: if it contains anything else or an interpolation, or is too large or nested too deeply. ``origin``,
            the file and the part of it, begins the message.
    """
    for count, (where, value, depth) in enumerate(_values(content, origin, 0)):
        if count >= MAX_VALUES or depth > MAX_DEPTH:
            raise EgotapError(f"{origin} is too large or nested too deeply for a configuration")
        if isinstance(value, str):
            if "${" in value:
                raise EgotapError(f"{where} is the interpolation {value[:80]!r}: only plain values are allowed")
        elif isinstance(value, dict):
            kinds = {type(key) for key in value}
            if type(value) is not dict or len(kinds) > 1 or not kinds <= {str, int, float, bool}:
                raise EgotapError(f"{where} is not a plain dictionary: only plain values are allowed")
        elif value is not None and type(value) not in (bool, int, float, list, tuple):
            raise EgotapError(f"{where} is of type {type(value).__name__}: only plain values are allowed")


def is_trusted(target: str, trust: Sequence[str]) -> bool:
    """Whether a file may name ``target``: a class on the allowlist, or one that the user trusts.

    The module in which an object is defined decides, not its dotted path: a path can lead out of a package through the
    modules that it imports (``my_idea.os.system``). Only the allowlist and the trusted packages are imported.

    Args:
        target: dotted name.
        trust: names of packages, modules, or single classes and functions. ``egotap_pl`` means its part of the
            allowlist, not all of the package. The allowlist's part of torch is always trusted, the rest of torch never.
    """
    return objection(target, entries(trust)) is None


def class_named(target: str, trust: Sequence[str] = ()) -> type | None:
    """The class that a configuration out of a file names, to compare it with other classes; nothing is called.

    Only this package and what the user trusts are imported.

    Args:
        target: dotted name; one of an earlier version will do.
        trust: see `is_trusted`.

    Returns:
        The class; None if the name leads out of these packages, or to nothing or something else.

    Examples:
        >>> class_named("egotap_pl.nn.propagation.PuPropagation").__name__
        'PuPropagation'
        >>> class_named("subprocess.Popen") is None
        True
    """
    target = current_name(target)
    trusted = tuple(entry for entry in entries(trust) if entry.partition(".")[0] not in _OWN)
    roots = (*_ROOTS, *_COMPARED, *(entry.rpartition(".")[0] if entry == target else entry for entry in trusted))
    if not _is_inside(target, roots) or not all(part.isidentifier() for part in target.split(".")):
        return None
    try:
        found = _find(target, roots)
    except Exception:  # of any kind: a trusted module may fail while it is imported
        return None
    return found if inspect.isclass(found) and _is_inside(found.__module__, roots) else None


def entries(trust: Any) -> tuple[str, ...]:
    """The names in ``trust=``, which is a list or a single name.

    Raises:
        EgotapError: if it is something else.
    """
    names = (trust,) if isinstance(trust, str) else trust
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise EgotapError(f"trust={trust}: must be a list of names of packages, e.g. trust=[egotap_pl,my_idea]")
    return tuple(names)


def with_package(trust: Sequence[str]) -> tuple[str, ...]:
    """The names in the Python API's ``trust``, a list or a single name, and the package itself."""
    return ("egotap_pl", *entries(trust))


def targets(spec: Any) -> Iterator[str]:
    """Every class that a spec names."""
    if isinstance(spec, dict):
        if "_target_" in spec:
            yield str(spec["_target_"])
        for value in spec.values():
            yield from targets(value)
    elif isinstance(spec, (list, tuple)):
        for value in spec:
            yield from targets(value)


def _values(spec: Any, where: str, depth: int) -> Iterator[tuple[str, Any, int]]:
    """Every value of a spec with its key and depth. The caller stops where it is too deep."""
    yield where, spec, depth
    if isinstance(spec, dict):
        for key, value in spec.items():
            yield from _values(value, f"{where}.{str(key)[:80]}", depth + 1)
    elif isinstance(spec, (list, tuple)):
        for k, value in enumerate(spec):
            yield from _values(value, f"{where}[{k}]", depth + 1)


def _check_keys_of_hydra(node: dict[Any, Any], where: str) -> None:
    """Check the types of the keys that have a meaning for Hydra."""
    for key in ("_partial_", "_recursive_"):
        if key in node and type(node[key]) is not bool:
            raise EgotapError(f"{where}.{key} must be true or false")
    if "_convert_" in node and node["_convert_"] not in _CONVERSIONS:
        raise EgotapError(f"{where}._convert_ must be one of: {', '.join(_CONVERSIONS)}")
    if "_args_" in node and type(node["_args_"]) not in (list, tuple):
        raise EgotapError(f"{where}._args_ must be a list")
    if "_target_" in node and type(node["_target_"]) is not str:
        raise EgotapError(f"{where}._target_ must be the name of a class")


def objection(target: str, trust: Sequence[str]) -> str | None:
    """Why a file may not name a target, and the remedy, as a clause that begins with "which"; None if it may.

    Args:
        target: dotted name.
        trust: see `is_trusted`.
    """
    root = target.partition(".")[0]
    if target in trust and root != "egotap_pl":
        return None
    trusted = tuple(entry for entry in trust if entry.partition(".")[0] not in _OWN)
    if not _is_inside(target, (*_ROOTS, *trusted)) or not all(part.isidentifier() for part in target.split(".")):
        return _hint(root, trust)
    try:
        entity = _find(target, (*_ROOTS, *trusted))
    except Exception as error:  # of any kind: a trusted module may fail while it is imported
        return f"which cannot be found: {error}; a trusted package of your own must be on PYTHONPATH"
    home = str(getattr(entity, "__module__", ""))
    is_plain = inspect.isclass(entity) or inspect.isfunction(entity)
    if is_plain and _is_on_allowlist(entity, home):
        return None if _is_inside(home, TORCH) or "egotap_pl" in trust else _remedy("egotap_pl", trust)
    if is_plain and _is_inside(home, trusted):
        return None
    return _hint(home.partition(".")[0] or root, trust)


def _hint(root: str, trust: Sequence[str]) -> str:
    """The rest of a refusal: what a file may name, or how to trust a package of the user's own."""
    if root in _OWN or root in sys.stdlib_module_names:
        return (
            "which is never trusted: a file may name networks, tasks, losses and metrics of egotap_pl, and layers and "
            "optimisers of torch"
        )
    return _remedy(root, trust)


def _remedy(root: str, trust: Sequence[str]) -> str:
    names = ",".join(dict.fromkeys(("egotap_pl", *trust, root)))
    return (
        "which is not a class or function of a trusted package; if you trust the file and the package, "
        f"add trust=[{names}]"
    )


def _is_on_allowlist(entity: Any, home: str) -> bool:
    if f"{home}.{entity.__qualname__}" in FACTORIES:
        return True
    if not inspect.isclass(entity):
        return False
    bases = next((bases for package, bases in TORCH.items() if _is_inside(home, (package,))), (object,))
    return _is_inside(home, (*PACKAGES, *TORCH)) and issubclass(entity, bases)


def _find(target: str, roots: Sequence[str]) -> Any:
    """The object that a dotted name below one of ``roots`` names; None if the name leads out of them or into an object.

    Raises:
        AttributeError: if there is no such name.
        Exception: whatever a module of ``roots`` raises while it is imported.
    """
    root = max((root for root in roots if _is_inside(target, (root,))), key=len)
    entity: Any = importlib.import_module(root)
    for part in target.removeprefix(root).split(".")[1:]:
        if inspect.ismodule(entity):
            if not _is_inside(entity.__name__, roots):
                return None
            if not hasattr(entity, part) and hasattr(entity, "__path__"):
                importlib.import_module(f"{entity.__name__}.{part}")
        elif not inspect.isclass(entity):
            return None
        entity = getattr(entity, part)
    return entity


def _is_inside(name: str, packages: Iterable[str]) -> bool:
    """Whether a dotted name is one of the packages or lies inside one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)

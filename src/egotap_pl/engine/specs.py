"""Checks, before anything is computed, that a configuration fits the classes that it names."""

from __future__ import annotations

import contextlib
import inspect
import math
import pkgutil
import types
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.build import current_name

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}
SEEDS = 2**32
"""NumPy's generators take seeds below this."""
_TRAINING: dict[str, tuple[int, int | float]] = {
    "seed": (0, SEEDS - 1),
    "epochs": (0, math.inf),
    "batch_size": (1, math.inf),
    "restarts": (0, math.inf),
    "gradient_clip": (0, math.inf),
}
_OPTIMISER = dict.fromkeys(("lr", "eps", "weight_decay"), (0, 3.4e38))  # to the largest float32
_PARTS = frozenset(
    (
        "lifter",
        "encoder",
        "limb_encoder",
        "propagation",
        "head",
        "estimator",
        "optimizer",
        "schedule",
        "temporal",
        "doubt",
    )
)
"""Keys of nodes that name a class, wherever they stand in a task."""
_HYDRAS_OWN = ("_target_", "_partial_", "_args_", "_convert_", "_recursive_")

_OWN_MODULE = "; if it is a module of your own in this folder, begin the command with PYTHONPATH=."


def check_training_ranges(node: Mapping[str, Any], where: str) -> None:
    """Check the ranges of the numbers in a training's configuration.

    Raises:
        EgotapError: if a number is out of its range; the message names it. ``where`` is the node's key.
    """
    _check_ranges(node, _TRAINING, where)
    if "optimizer" in node["task"]:
        _check_ranges(node["task"]["optimizer"], _OPTIMISER, f"{where}.task.optimizer")


def _check_ranges(node: Mapping[str, Any], ranges: Mapping[str, tuple[int, int | float]], where: str) -> None:
    for key, (least, most) in ranges.items():
        if key in node and isinstance(node[key], (int, float)) and not least <= node[key] <= most:
            expected = f"{least} or more" if most == math.inf else f"a number from {least} to {most}"
            raise EgotapError(f"{where}.{key}={node[key]}: must be {expected}")


def classes_in(spec: Any) -> Iterator[Any]:
    """The classes and functions that a plain spec names, at any depth.

    Raises:
        EgotapError: if one does not exist.
    """
    if isinstance(spec, Mapping):
        if "_target_" in spec:
            yield _resolve(spec["_target_"], "_target_")
        spec = list(spec.values())
    if isinstance(spec, (list, tuple)):
        for value in spec:
            yield from classes_in(value)


def check_spec(spec: Any, where: str) -> None:
    """Check the arguments of every ``_target_`` in a plain spec.

    Missing arguments are not an error: a factory gets some of its arguments later.

    Raises:
        EgotapError: if a class does not exist, or does not accept an argument or its value. ``where``, the spec's key,
            begins the message.
    """
    if isinstance(spec, Mapping):
        if "_target_" in spec:
            if not isinstance(spec["_target_"], str):
                raise EgotapError(f"{where}._target_: must be the name of a class, e.g. my_package.MyClass")
            check_arguments(_resolve(spec["_target_"], where), spec, where)
        for key, value in spec.items():
            if key in _PARTS and isinstance(value, Mapping) and "_target_" not in value:
                raise EgotapError(f"{where}.{key}: names no class; it needs _target_ and _partial_: true")
            check_spec(value, f"{where}.{key}")
    elif isinstance(spec, (list, tuple)):
        for k, value in enumerate(spec):
            check_spec(value, f"{where}.{k}")


def accepts(spec: Mapping[str, Any], argument: str, where: str) -> bool:
    """Whether the class or function that a spec names has an argument of this name.

    Args:
        spec: plain containers with a ``_target_``.
        argument: name of the argument.
        where: the spec's key, for messages.

    Raises:
        EgotapError: if the class does not exist.
    """
    try:
        return argument in inspect.signature(_resolve(spec["_target_"], where)).parameters
    except (TypeError, ValueError):  # written in C
        return False


def _resolve(target: str, where: str) -> Any:
    try:
        return pkgutil.resolve_name(current_name(target))
    except Exception as error:  # of any kind: a module of the user's own may fail while it is imported
        advice = _OWN_MODULE if isinstance(error, ModuleNotFoundError) else ""
        raise EgotapError(f"{where}._target_={target} cannot be imported: {error}{advice}") from error


def check_arguments(target: Any, node: Mapping[str, Any], where: str) -> None:
    """Check the keys and values of a node against the signature of a class or function.

    Args:
        target: the class or function.
        node: its arguments, as configured.
        where: the node's key, for messages.

    Raises:
        EgotapError: if there is no such argument, or its value is of the wrong type.
    """
    try:
        parameters = inspect.signature(target).parameters
        hints = _hints(target.__init__ if inspect.isclass(target) else target)
    except (TypeError, ValueError):  # written in C
        return
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for key, value in node.items():
        if key in _HYDRAS_OWN:
            continue
        if key not in parameters and not takes_any:
            names = ", ".join(parameters)
            raise EgotapError(f"{where}.{key}: unknown argument of {_name(target)}; must be one of: {names}")
        if key in hints and not _fits(value, hints[key]):
            of = "" if is_dataclass(target) else f" ({_name(target)})"  # of settings, whose class nobody chose
            raise EgotapError(f"{where}.{key}={value}: must be {_words(hints[key])}{of}")


def _hints(function: Any) -> dict[str, Any]:
    """The types of a function's arguments, without those that are imported for type checkers only."""
    try:
        return get_type_hints(function)
    except NameError:  # one at a time
        function = inspect.unwrap(function)
        hints: dict[str, Any] = {}
        for name, annotation in function.__annotations__.items():
            with contextlib.suppress(NameError):
                one = types.SimpleNamespace(__annotations__={name: annotation})
                hints |= get_type_hints(one, function.__globals__)
        return hints


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value may be of an annotated type: numbers, text and None are checked, also in lists and mappings."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, member) for member in arguments)
    if hint is type(None):
        return value is None
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is bool:
        return isinstance(value, bool)
    if hint is str:
        return isinstance(value, str)
    if arguments and arguments[-1] in (int, float):
        if isinstance(value, Mapping):
            return "_target_" in value or all(_fits(member, arguments[-1]) for member in value.values())
        if isinstance(value, (list, tuple)):
            return all(_fits(member, arguments[-1]) for member in value)
        return False
    # Other types are not checked, except that a tensor or another object of torch is never written as text.
    return not (isinstance(value, str) and inspect.isclass(hint) and hint.__module__.startswith("torch"))


def _words(hint: Any) -> str:
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_words(member) for member in get_args(hint))
    return _WORDS.get(hint, getattr(hint, "__name__", str(hint)) if not get_args(hint) else str(hint))


def _name(target: Any) -> str:
    return f"{target.__module__}.{target.__qualname__}"

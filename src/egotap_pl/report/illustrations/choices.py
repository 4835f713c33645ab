"""Which methods figures choose: networks without propagation to compare with, and the paper's network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from egotap_pl.nn.encoders import GridViTEncoder
from egotap_pl.nn.propagation import AlterPropagation, ConcatPropagation, LstmPropagation, PuPropagation
from egotap_pl.report.studies import MethodRuns

_PAPERS = (PuPropagation, ConcatPropagation, AlterPropagation, LstmPropagation)


def plain_grid_vit(methods: Sequence[MethodRuns]) -> MethodRuns | None:
    """Grid ViT without propagation, the paper's encoder rather than a subclass; None if there is none."""
    plain = [method for method in methods if method.parts.has_grid_vit and method.parts.is_without_propagation]
    return next((method for method in plain if method.parts.encoder is GridViTEncoder), next(iter(plain), None))


def without_propagation(method: MethodRuns, methods: Sequence[MethodRuns]) -> MethodRuns | None:
    """What a Grid ViT with propagation is compared with: the same encoder without it or, if missing, any Grid ViT."""
    same = (m for m in methods if m.parts.is_without_propagation and m.parts.encoder is method.parts.encoder)
    return next(same, None) or plain_grid_vit(methods)


def one_of_each_propagation(methods: Sequence[MethodRuns], number: int) -> list[MethodRuns]:
    """At most ``number`` methods: first one of each class of propagation, then the second ones, and so on.

    A user's own classes are chosen before the paper's, and come after them in the result.
    """
    own = dict.fromkeys(method.parts.propagation for method in methods if method.parts.propagation not in _PAPERS)
    by_class = [[m for m in methods if m.parts.propagation is kind] for kind in (*own, *_PAPERS)]
    chosen = [method for turn in zip_longest(*by_class) for method in turn if method is not None][:number]
    return sorted(chosen, key=lambda method: method.parts.propagation in own)


def egotap_networks(methods: Sequence[MethodRuns]) -> list[MethodRuns]:
    """Networks of Grid ViT and propagation units: the paper's first, then one for each pair of a user's classes.

    Of several with the same classes, one on estimated heatmaps is chosen.
    """
    papers: list[MethodRuns] = []
    own: dict[tuple[type | None, type | None], list[MethodRuns]] = {}
    for method in methods:
        if method.parts.is_egotap:
            classes = (method.parts.encoder, method.parts.propagation)
            (own.setdefault(classes, []) if has_own_class(method) else papers).append(method)
    return [min(same, key=lambda m: m.parts.reads_true_heatmaps) for same in (papers, *own.values()) if same]


def has_own_class(method: MethodRuns) -> bool:
    """Whether the encoder or the propagation is a class of the user's own."""
    return any(
        part is not None and part.__module__.partition(".")[0] != "egotap_pl"
        for part in (method.parts.encoder, method.parts.propagation)
    )

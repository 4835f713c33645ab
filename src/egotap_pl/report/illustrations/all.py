"""All figures of a report."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure
from matplotlib.text import Text

from egotap_pl.report.contents import FileNames, Illustration
from egotap_pl.report.illustrations.attention import joints_illustration, patches_illustration
from egotap_pl.report.illustrations.calibration import calibration_illustration
from egotap_pl.report.illustrations.choices import egotap_networks
from egotap_pl.report.illustrations.costs import costs_illustration
from egotap_pl.report.illustrations.depth import depth_illustration
from egotap_pl.report.illustrations.gates import gates_illustration
from egotap_pl.report.illustrations.poses import categories_illustration, extremes_illustration
from egotap_pl.report.illustrations.propagation import propagation_illustrations
from egotap_pl.report.illustrations.reconstruction import reconstruction_illustration
from egotap_pl.report.illustrations.recording import RecordedNetwork, record_network
from egotap_pl.report.illustrations.visibility import visibility_illustration
from egotap_pl.report.material import Material
from egotap_pl.report.studies import ConditionStudies

NO_NETWORK = "Attention and gates ({dataset}): no run has Grid ViT and propagation units on the skeleton's tree"


def illustrations_of(material: Material) -> list[Illustration]:
    """Every figure that the runs allow, in the order of the report.

    Statistics are over all seeds; pictures show the lowest. A figure that cannot be drawn costs a line in
    `Material.missing`.
    """
    illustrations = [
        *_poses(material),
        *_rebuilt_heatmaps(material),
        *_propagation(material),
        *_errors(material),
        *_networks(material),
    ]
    for illustration in illustrations:
        _show_dollars(illustration.figure)
    return FileNames().rename(illustrations)


def _poses(material: Material) -> Iterator[Illustration]:
    for study in material.studies.per_data_set():
        for draw in (extremes_illustration, categories_illustration):
            with material.passing_over(f"Poses beside the truth ({study.title})"):
                yield draw(study, material)


def _rebuilt_heatmaps(material: Material) -> Iterator[Illustration]:
    for each in material.studies.conditions:
        with material.passing_over(f"Rebuilt heatmaps ({each.condition.title})", Exception):
            illustration = reconstruction_illustration(each, material)
            if illustration is not None:
                yield illustration


def _propagation(material: Material) -> Iterator[Illustration]:
    for each in material.studies.conditions:
        with material.passing_over(f"Propagation Potential and Effect ({each.condition.title})"):
            yield from propagation_illustrations(each, material)


def _errors(material: Material) -> Iterator[Illustration]:
    for study, condition in material.studies.every:
        with material.passing_over(f"Error against visibility ({study.title})"):
            illustration = visibility_illustration(study, material)
            if illustration is not None:
                yield illustration
        with material.passing_over(f"Promised and found errors ({study.title})"):
            illustration = calibration_illustration(study)
            if illustration is not None:
                yield illustration
        with material.passing_over(f"Error along the tree ({study.title})"):
            yield depth_illustration(study, condition)
        with material.passing_over(f"Error against cost ({study.title})", Exception):
            illustration = costs_illustration(study, material.costs)
            if illustration is not None:
                yield illustration


def _networks(material: Material) -> Iterator[Illustration]:
    """Gates and attention of the paper's network and of a user's own, once for every data set."""
    by_data: dict[str, list[ConditionStudies]] = {}
    for each in material.studies.conditions:
        by_data.setdefault(each.fingerprint, []).append(each)
    for same_data in by_data.values():
        methods = [method for each in same_data for method in each.methods]
        networks = egotap_networks(methods)
        if methods and not networks:
            material.missing.append(NO_NETWORK.format(dataset=same_data[0].dataset))
        for method in networks:
            what = f"Attention and gates ({method.first.experiment}, seed {method.first.seed})"
            with material.passing_over(what, Exception):
                network = record_network(method, material)
                if network is not None:
                    yield from _of_network(network, what, material)


def _of_network(network: RecordedNetwork, what: str, material: Material) -> Iterator[Illustration]:
    for draw in (gates_illustration, patches_illustration, joints_illustration):
        with material.passing_over(what, Exception):
            yield draw(network)


def _show_dollars(figure: Figure) -> None:
    """Draw dollar signs in names as they are: two of them would begin and end a formula."""
    for text in figure.findobj(Text):
        if "$" in text.get_text() and r"\mathdefault" not in text.get_text():
            text.set_parse_math(False)

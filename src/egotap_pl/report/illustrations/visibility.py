"""Error against visibility."""

from __future__ import annotations

import numpy as np

from egotap_pl.analysis.error_breakdown import error_by_visibility
from egotap_pl.core.wording import in_words
from egotap_pl.figures.visibility import RARE, visibility_figure
from egotap_pl.report.contents import Illustration
from egotap_pl.report.illustrations import words
from egotap_pl.report.material import Material
from egotap_pl.report.studies import Study

TITLE = "Error against visibility ({study})"
CAPTION = (
    "Mean error of a joint by how the two cameras see it, and the same minus the joint's own mean error. Means over "
    "{seeds_and_frames}. Error in mm where a joint is {states}: {errors}. {rare}{intervals}"
)
RARE_STATES = "Not drawn, as fewer than {share:.1%} of the joints are in such a state: {states}. "
ALT = (
    "Points with intervals: the error of {methods} for joints that are visible, occluded or out of view in both, one "
    "or neither of the cameras."
)
UNKNOWN = "Error against visibility ({study}): the data set does not say what the cameras see"


def visibility_illustration(study: Study, material: Material) -> Illustration | None:
    """The errors of a study's methods in every state of visibility; None where the data set does not have them."""
    predictions = study.methods[0].first.predictions
    errors = {
        method.name: error_by_visibility(method.error_mm, predictions.visibility, predictions.motion)
        for method in study.methods
    }
    any_method = next(iter(errors.values()))
    if not any_method.error_mm.samples.any():
        material.missing.append(UNKNOWN.format(study=study.title))
        return None
    drawn = np.flatnonzero(any_method.shares >= RARE).tolist()
    rare = [words.state(k) for k in np.flatnonzero(any_method.error_mm.samples).tolist() if k not in drawn]
    ends = list(dict.fromkeys((drawn[0], drawn[-1])))
    return Illustration(
        name=f"visibility_{study.stem}",
        title=TITLE.format(study=study.title),
        caption=CAPTION.format(
            seeds_and_frames=words.seeds_and_frames(study.methods),
            states=in_words([words.state(k) for k in ends]),
            errors="; ".join(
                f"{name} " + " and ".join(words.mean_and_interval(error.error_mm, k) for k in ends)
                for name, error in errors.items()
            ),
            rare=RARE_STATES.format(share=RARE, states=in_words(rare)) if rare else "",
            intervals=words.intervals(study.methods),
        ),
        alt=ALT.format(methods=words.names(study.methods)),
        figure=visibility_figure(errors),
    )

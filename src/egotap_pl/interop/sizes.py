"""Sizes that the published networks share."""

from __future__ import annotations

PATCHES_PER_SIDE = 4
"""Patches along each side of a heatmap, in EgoTAP's encoder."""

LATERAL_WIDTHS = (128, 256, 516, 1024)
"""Lateral widths of the estimators; see `egotap_pl.nn.estimator.StereoUNet`."""

DECODER_WIDTHS = (1024, 512, 512)
"""Decoder widths of the estimators."""

HIDDEN_DIMS = (2048, 512)
"""Hidden widths of the encoders and decoders of all lifters."""

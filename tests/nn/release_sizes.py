"""Sizes of the paper's networks and of the releases, for tests that count parameters."""

from __future__ import annotations

HIDDEN_DIMS = (2048, 512)
CNN = {"channels": (64, 128, 256), "hidden_dims": HIDDEN_DIMS}
VIT = {
    "patches_per_side": 4,
    "width": 1024,
    "depth": 3,
    "heads": 8,
    "mlp_width": 4096,
    "hidden_dims": HIDDEN_DIMS,
}
U_NET = {"lateral_widths": (128, 256, 516, 1024), "decoder_widths": (1024, 512, 512)}

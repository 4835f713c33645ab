"""Networks with the weights that their authors published. Needs neither Lightning nor Hydra."""

from egotap_pl.interop.estimator import load_estimator
from egotap_pl.interop.lifters import METHODS, load_lifter

__all__ = ["METHODS", "load_estimator", "load_lifter"]

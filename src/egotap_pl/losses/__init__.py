"""Loss terms: pure functions without weights. `WeightedSum` applies the weights of the configuration."""

from egotap_pl.losses.heatmap import joint_heatmap_mse, limb_heatmap_mse, map_mse
from egotap_pl.losses.pose import bone_cosine, limb_direction_mse, mpjpe_cm, origin_distance_cm
from egotap_pl.losses.weighted import LossTermsError, WeightedSum

__all__ = [
    "LossTermsError",
    "WeightedSum",
    "bone_cosine",
    "joint_heatmap_mse",
    "limb_direction_mse",
    "limb_heatmap_mse",
    "map_mse",
    "mpjpe_cm",
    "origin_distance_cm",
]

"""Hydra multiruns: their jobs are checked, run here or on a cluster, and set into a table; searches."""

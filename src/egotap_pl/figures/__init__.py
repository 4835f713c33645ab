"""Figures: arrays in, a matplotlib Figure out.

Statistics are in `egotap_pl.analysis`; captions and the choice of runs are in `egotap_pl.report`.
"""

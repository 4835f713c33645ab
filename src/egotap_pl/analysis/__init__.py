"""A small library for notebooks: finished runs, their predictions, and whether one variant is better than another.

It draws nothing; `egotap_pl.figures` does.
"""

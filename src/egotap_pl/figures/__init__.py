"""Figures: in each module a computation on arrays, and a function that draws its result."""

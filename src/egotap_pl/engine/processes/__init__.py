"""Work in several processes: the groups of a training, and independent pieces side by side."""

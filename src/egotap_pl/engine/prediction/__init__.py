"""Poses of recordings: the network of a checkpoint, what it is given, and the files that it fills."""

"""Checkpoints: written, found, checked, and loaded without running code from the file."""

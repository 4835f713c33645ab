"""Readers of files that somebody else made: nothing in them runs, and none takes more memory than it should."""

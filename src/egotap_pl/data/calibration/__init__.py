"""Readers of calibrations: cameras and rigs from the files of other programs and from files of our own."""

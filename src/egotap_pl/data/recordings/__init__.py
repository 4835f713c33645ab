"""Stereo images, videos and frame stores that poses are estimated for."""

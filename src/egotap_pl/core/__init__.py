"""What every other package builds on: skeletons, cameras, heatmaps, batches, and the error that a user sees."""

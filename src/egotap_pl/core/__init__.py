"""What everything else knows: skeletons, cameras, heatmaps, batches, and the one kind of error a user may see."""

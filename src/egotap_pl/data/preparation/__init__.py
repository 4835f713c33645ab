"""From a source to frame stores: parallel, resumable, the same frames whatever the number of workers."""

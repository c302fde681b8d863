"""Many points of a grid: read, run on many workers, kept as they come, summed up."""

"""Grids of specs: read, their points run on many workers, the results kept as they come and summed up."""

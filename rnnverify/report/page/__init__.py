"""Results as a page to look at: one file with everything in it, which asks no network for anything."""

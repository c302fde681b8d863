"""Results in, text out. Nothing here prints."""

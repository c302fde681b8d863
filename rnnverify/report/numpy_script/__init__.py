"""Recorded models as NumPy scripts: expressions, statements, loops, functions, and the whole."""

"""Somebody else's arithmetic: a function, a file or a process, asked for what it computes."""

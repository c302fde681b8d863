"""The verdict: every step from the state before it, and the outputs end to end."""

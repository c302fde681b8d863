"""The machine that we run on: its memory, and the processes that we start on it."""

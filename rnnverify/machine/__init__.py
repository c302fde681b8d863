"""The machine that we run on: its memory, Keras's backends, and the processes that we start."""

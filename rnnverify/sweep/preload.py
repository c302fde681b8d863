"""Imported once, by the process that all workers are forked from: TensorFlow takes seconds to import, a fork milliseconds."""

import gc

from rnnverify.keras_model import load_keras, quiet
from rnnverify.sweep import points

with quiet():
    load_keras()
gc.disable()  # tracing makes many objects, and looking through them again and again takes a twentieth of all time

__all__ = ["points"]

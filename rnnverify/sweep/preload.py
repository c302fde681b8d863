"""Imported once, by the process that all workers are forked from: TensorFlow takes seconds to import, a fork milliseconds."""

from rnnverify.keras_model import load_keras, quiet
from rnnverify.sweep import points

with quiet():
    load_keras()

__all__ = ["points"]

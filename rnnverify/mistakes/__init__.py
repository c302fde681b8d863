"""The known mistakes of ports: each a function from a layer to the layer that a wrong port has in its place."""

from rnnverify.mistakes.catalogue import MISTAKES
from rnnverify.mistakes.mistake import Mistake, made_in, with_mistakes

__all__ = ["MISTAKES", "Mistake", "made_in", "with_mistakes"]

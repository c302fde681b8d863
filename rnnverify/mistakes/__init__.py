"""The known mistakes of ports: each a function from a layer to the layer that a wrong port has in its place."""

from rnnverify.mistakes.catalogue import MISTAKES
from rnnverify.mistakes.mistake import Mistake, made_in, with_mistakes
from rnnverify.mistakes.weights import FORMS_OF_WEIGHTS, QUANTISED

__all__ = ["FORMS_OF_WEIGHTS", "MISTAKES", "QUANTISED", "Mistake", "made_in", "with_mistakes"]

"""All known mistakes, family by family: within each, first what is seen most."""

from __future__ import annotations

from rnnverify.mistakes.activations import ACTIVATION
from rnnverify.mistakes.around import AROUND
from rnnverify.mistakes.biases import BIASES
from rnnverify.mistakes.bidirectional import BIDIRECTIONAL
from rnnverify.mistakes.calls import CALLS
from rnnverify.mistakes.formula import FORMULA
from rnnverify.mistakes.gates import GATES
from rnnverify.mistakes.masks import MASKS
from rnnverify.mistakes.mistake import Mistake
from rnnverify.mistakes.order import ORDER
from rnnverify.mistakes.slips import SLIPS
from rnnverify.mistakes.stack import STACK
from rnnverify.mistakes.walk import WALK
from rnnverify.mistakes.weights import WEIGHTS

MISTAKES: tuple[Mistake, ...] = (
    *CALLS,
    *WALK,
    *ORDER,
    *STACK,
    *BIASES,
    *GATES,
    *WEIGHTS,
    *FORMULA,
    *ACTIVATION,
    *BIDIRECTIONAL,
    *MASKS,
    *AROUND,
    *SLIPS,
)

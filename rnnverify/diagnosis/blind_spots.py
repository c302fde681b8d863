"""Blind spots: the known mistakes that a model's outputs would not show, with what it is fed and the weights that it has.

Each mistake is made in each layer by itself. Where no output is off by more than rounding allows, it is looked for what would
show it: other data, states or weights, one change at a time, two, then all. What nothing shows is no mistake for this model.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import reduce
from itertools import combinations

import numpy as np

from rnnverify.diagnosis.deadline import Deadline, OutOfTimeError
from rnnverify.diagnosis.replays import Replays
from rnnverify.diagnosis.reruns import Made
from rnnverify.diagnosis.variations import Free, Variation, variations_of, written
from rnnverify.errors import RequestError
from rnnverify.layers.graph import Graph
from rnnverify.mistakes import MISTAKES, Mistake
from rnnverify.observation import Observation
from rnnverify.results import BlindSpot, BlindSpots
from rnnverify.verification.claimed import judge_claims
from rnnverify.verification.claims import Claim, Tensor
from rnnverify.verification.outputs import label

log = logging.getLogger(__name__)

# Limits off: up to the first nothing tells it from rounding, beyond the second everything does.
CLOSE, FAR = 0.01, 100.0
SEEDS = (20, 21, 22)  # a change is named that shows a mistake with each of them
Changes = tuple[Variation, ...]


def blind_spots(
    observed: Observation,
    free: Free,
    seconds: float | None = None,
    mistakes: Sequence[Mistake] = MISTAKES,
) -> BlindSpots | None:
    """The known mistakes that this model's outputs would not show.

    Args:
        observed: what Keras did, of which inputs and nodes are used.
        free: what may be changed, so that more would show.
        seconds: how long it may take; by default as long as it does.
        mistakes: the known ones.

    Returns:
        None where the time did not suffice.
    """
    log.info("looking for blind spots")
    try:
        return Look(observed, free, seconds).found(mistakes)
    except OutOfTimeError:
        return None


class Look:
    """A search for blind spots."""

    def __init__(self, observed: Observation, free: Free, seconds: float | None = None) -> None:
        self.observed, self.deadline = observed, Deadline(seconds)
        self.graph = Graph(observed.nodes)
        self.right = self.replays(observed)
        self.variations = list(variations_of(observed, self.graph, free))
        self.varied: dict[tuple[Changes, int], Replays | None] = {}

    def found(self, mistakes: Sequence[Mistake]) -> BlindSpots:
        self.check_enough(mistakes)
        self.make(mistakes)
        known = 0
        spots, equivalent = [], []
        needed: dict[Variation, None] = {}
        for mistake in mistakes:
            places = [node.name for node in self.right.nodes_of(mistake)]
            unseen = [name for name in places if self.hidden(mistake, name, self.right)]
            shown = {name: self.shown_by(mistake, name) for name in unseen}
            blind = {name: by for name, by in shown.items() if by}
            if places and not blind and len(unseen) == len(places):
                equivalent.append(BlindSpot(mistake.id, mistake.says, tuple(places), "nothing shows it", None))
                continue
            known += bool(places)
            if blind:
                by = next(iter(blind.values()))
                needed.update(dict.fromkeys(by))
                reason = " and ".join(dict.fromkeys(one.reason for one in by))
                spots.append(BlindSpot(mistake.id, mistake.says, tuple(blind), reason, written(by)))
        change = written(needed) if needed else None
        return BlindSpots(self.observed.asked.spec, known, tuple(spots), tuple(equivalent), change)

    def make(self, mistakes: Sequence[Mistake]) -> None:
        """Make each in each layer by itself, all at once: quicker than one by one, when it is looked whether they show."""
        self.right.take_together((Made(one, (node.name,)),) for one in mistakes for node in self.right.nodes_of(one))

    def check_enough(self, mistakes: Sequence[Mistake]) -> None:
        """Begin nothing that cannot be ended: every mistake takes a replay, from the layer on that it is made in."""
        started = time.monotonic()
        self.graph.run(self.observed.inputs)
        each = time.monotonic() - started
        if each * sum(len(self.right.nodes_of(mistake)) for mistake in mistakes) / 2 > self.deadline.left:
            raise OutOfTimeError

    def hidden(self, mistake: Mistake, node: str, replays: Replays) -> bool:
        """Whether the outputs are the right ones, with the mistake made in this node."""
        self.deadline.check()
        made = (Made(mistake, (node,)),)
        wrong = replays.wrong(made, exact=False)
        if wrong is not None and wrong.coarse and not 2 * FAR < replays.off(wrong.values) < np.inf:
            wrong = replays.wrong(made)
        if wrong is None:
            return False
        values = wrong.values
        off = replays.off(values)
        if not CLOSE < off <= FAR:
            return off <= CLOSE
        # Near the limit the verdict itself must say: it looks twice at what is beyond, and at what errs to one side within.
        claims = [claim._replace(array=array) for claim, array in zip(replays.claims, values, strict=True)]
        return judge_claims(replays.observed, replays.graph, claims, by_step=False, right=replays.kept).right

    def shown_by(self, mistake: Mistake, node: str) -> Changes:
        """The smallest change of the spec that shows the mistake; empty where none does.

        What all changes together do not show, moderate and strong, is not looked for in every pair of them.
        """

        def shows(changes: Changes) -> bool:
            """Whatever is drawn: one draw may show it by luck."""
            for seed in SEEDS:
                replays = self.replays_of(changes, seed)
                if replays is None or self.hidden(mistake, node, replays):
                    return False
            return True

        singles = [(one,) for one in self.variations]
        moderate = tuple(one for one in self.variations if not one.strong)
        several = [changes for changes in (moderate, tuple(self.variations)) if len(changes) > 1]
        found = next(filter(shows, [*singles, *several]), ())
        pairs = combinations(self.variations, 2) if len(found) > 2 else ()
        return next(filter(shows, pairs), found)

    def replays(self, observed: Observation) -> Replays:
        self.deadline.check()
        graph = Graph(observed.nodes)
        return Replays(observed, graph, outputs_of(observed, graph))

    def replays_of(self, changes: Changes, seed: int) -> Replays | None:
        """None where the model does not go with them: another T before a Flatten."""
        key = changes, seed
        if key not in self.varied:
            try:
                with np.errstate(all="ignore"):
                    made = reduce(lambda one, change: change.made(one, seed), changes, self.observed)
                    self.varied[key] = self.replays(made)
            except (ValueError, IndexError, RequestError):
                self.varied[key] = None
        return self.varied[key]


def outputs_of(observed: Observation, graph: Graph) -> list[Claim]:
    """The model's outputs, as tensors that are looked at; what is given for them does not matter here."""
    made = []
    for ref in observed.outputs:
        if ref.node not in graph.layers:  # an input that the model returns as it is
            continue
        array = observed.emitted[ref]
        layer = graph.layers[ref.node]
        tensor = Tensor(ref.node, ref.output, None, False, array.shape, layer.has_time(ref.output, array.shape[1:]))
        made.append(Claim(label(graph, ref), tensor, array))
    return made

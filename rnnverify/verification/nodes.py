"""Every node of what was observed, checked one after the other."""

from __future__ import annotations

import numpy as np

from rnnverify.layers.arrays import Array
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation, Ref
from rnnverify.verification.compared import Checked
from rnnverify.verification.precision import precision_in
from rnnverify.verification.steps import NodeCheck
from rnnverify.verification.tally import Tally


def check_nodes(observed: Observation, graph: Graph, kind: type[Tally] = Tally) -> dict[str, Checked]:
    """Check every node of what was observed, in order, but for those that are taken as given."""
    given = {**{Ref(name): x for name, x in observed.inputs.items()}, **observed.emitted}
    masks: dict[Ref, Array | None] = dict(observed.masks)
    found: dict[str, Checked] = {}
    for node in observed.nodes:
        if node.opaque:
            continue
        precision = precision_in(graph, node, observed.tf32)
        check = NodeCheck(node, graph, given, masks, observed.walks.get(node.name, ()), precision)
        tally = kind(node.name, graph.largest[node.name])
        outputs = [observed.emitted[ref] for ref in sorted(observed.emitted) if ref.node == node.name]
        with np.errstate(all="ignore"):  # an overflow is Keras's too, and is compared like any other value
            for comparison in check.comparisons(outputs, tally.looked):
                tally.add(*comparison)
            tally.look_at_sides(check.walks, check.as_fed, check.precision)
        masks.update(check.masks)
        found[node.name] = Checked(check, tally)
    return found

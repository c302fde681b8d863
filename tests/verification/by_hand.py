"""What Keras is said to have done of a few nodes, made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnverify.observation import Node, Observation, Ref, Walked
from rnnverify.observation.observed import Asked


def seen(nodes: tuple[Node, ...], inputs: Mapping[str, Any], emitted: Mapping[str, Any], walked: bool) -> Observation:
    """Of nodes that each put out one tensor, of which the last is returned; where they walk, that is every step."""
    arrays = {Ref(name): np.array(values, dtype=np.float32) for name, values in emitted.items()}
    last = Ref(nodes[-1].name)
    return Observation(
        asked=Asked("by hand", None, "float32"),
        inputs={name: np.array(x, dtype=np.float32) for name, x in inputs.items()},
        nodes=nodes,
        outputs=(last,),
        predictions=(arrays[last],),
        emitted=arrays,
        walks={ref.node: (Walked(array),) for ref, array in arrays.items()} if walked else {},
        tf32=False,
        environment={},
        seconds={},
    )

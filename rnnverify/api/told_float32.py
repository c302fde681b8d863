"""Keras on OpenVINO, told to compute in float32: whether what it makes by itself is a precision, and no fault.

By itself OpenVINO takes bfloat16 for float32 models, where the processor has it.
"""

from __future__ import annotations

from dataclasses import replace

from rnnverify.candidates.candidate import Answer, Candidate, CandidateError
from rnnverify.diagnosis.task import task_of
from rnnverify.layers.graph import Graph
from rnnverify.observation import Observation
from rnnverify.results import Comparison, PrecisionFound
from rnnverify.verification.claimed import Judgement, computed_in, judge_claims
from rnnverify.verification.claims import claims_of

NARROW = "bfloat16"
EVIDENCE = "told to compute in float32 it is right in that"


def with_precision(found: Comparison, observed: Observation, by_itself: Candidate, told: Candidate) -> Comparison:
    """A comparison whose precision is bfloat16, where that is all that is wrong.

    Args:
        found: a mismatch in float32.
        observed: the model.
        by_itself: what was compared.
        told: the same, told to compute in float32.
    """
    if found.diagnosis is None or found.diagnosis.verdict != "mismatch" or found.precision is not None:
        return found
    try:
        task = task_of(observed, Graph(observed.nodes))
        wide = judged_in(observed, told(task), found.dtype)
        given = by_itself(task)
    except CandidateError:
        return found
    # What is right in float32, a mask or an embedding that nobody multiplied, need not be bfloat16's as well.
    wrong = {row.output.rpartition("[")[0] for row in found.outputs if not row.passed}
    # End to end: what it predicts and what is seen of it come from two runs, which OpenVINO fuses, and so rounds, differently.
    narrow = judged_in(observed, {name: array for name, array in given.items() if name in wrong}, NARROW, by_step=False)
    if not wide.right or not narrow.right:
        return found
    cost = max(output.max_abs_error for output in found.outputs)
    option = f"--candidate-dtype {NARROW}" if judged_in(observed, given, NARROW).right else ""
    precision = PrecisionFound(NARROW, "arithmetic", EVIDENCE, narrow.worst_ratio, cost, option)
    return replace(found, diagnosis=replace(found.diagnosis, precision=precision), probes=())


def judged_in(observed: Observation, answer: Answer, dtype: str, by_step: bool = True) -> Judgement:
    asked = computed_in(observed, dtype)
    graph = Graph(asked.nodes)
    return judge_claims(asked, graph, claims_of(asked, graph, answer).claims, by_step=by_step)

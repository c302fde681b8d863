"""A candidate asked, judged, and told which mistake it made."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from rnnverify.candidates.candidate import Answer, Candidate, CandidateError, notes_of
from rnnverify.diagnosis.experiments import experiments
from rnnverify.diagnosis.lab import Replayed
from rnnverify.diagnosis.mended import mended
from rnnverify.diagnosis.mistaken import EFFORT, diagnose
from rnnverify.diagnosis.precisions import Given, arithmetic_of, cost_of_weights, unseen_forms, weights_of
from rnnverify.diagnosis.probes import prefixes, probes, twice
from rnnverify.diagnosis.task import task_of, walks_of
from rnnverify.layers.graph import Graph
from rnnverify.mistakes.calls import FROZEN, LOST
from rnnverify.observation import Observation
from rnnverify.observation.stored import with_weights
from rnnverify.results import Comparison, Diagnosis, Probe, Verification
from rnnverify.verification.claimed import Judgement, Right, computed_in, judge_claims, made_of, watched_in
from rnnverify.verification.claims import claims_of
from rnnverify.verification.pictured import Pictured, pictures_of_claims
from rnnverify.verification.tally import Tally

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


def unnoticed(done: int, total: int) -> None:
    """Progress that nobody sees."""


def compared(
    observed: Observation,
    keras: Verification,
    name: str,
    candidate: Candidate,
    *,
    dtype: str = "float32",
    weights: str | None = None,
    effort: float = EFFORT,
    progress: Progress = unnoticed,
    why: bool = False,
    probing: bool = False,
    pictures: bool = False,
) -> Comparison:
    """Ask a candidate for what Keras was asked for, and hold its answer against the replay.

    Args:
        observed: what Keras did, of which inputs and weights are handed to the candidate.
        keras: what was found of Keras itself.
        name: the candidate's.
        candidate: what is asked.
        dtype: what it computes in.
        weights: the form that its weights are stored in, if that rounds them; see `WEIGHT_FORMS`.
        effort: seconds for pairs of mistakes.
        progress: is called with how many pairs were tried, and of how many.
        why: whether it is asked more, see `experiments`, for as many seconds again.
        probing: whether it is asked for other calls, see `probes`.
        pictures: whether what a page draws is kept.
    """
    replayed = partial(as_taken, dtype=dtype, weights=weights)
    asked = replayed(observed)
    graph = Graph(asked.nodes)
    started = time.perf_counter()
    answer: Answer = {}
    failed: tuple[str, ...] = ()
    log.info("running the candidate")
    try:
        answer = candidate(task_of(observed, graph))
    except CandidateError as error:
        failed = (str(error),)
    answered = time.perf_counter()
    given = claims_of(observed, graph, answer)
    findings = failed or given.findings
    judged, diagnosis, drawn, told = None, None, None, list[str]()
    if given.claims or given.misfits:
        log.info("verifying the candidate")
        right = Right(asked, graph, watched_in([*given.claims, *given.misfits]), often=False)
        kind = Pictured if pictures else Tally
        judged = judge_claims(asked, graph, given.claims, observed.asked.tolerance, right=right, kind=kind)
        known = Given.of(asked, given.claims, right, graph, dtype)
        arithmetic = None if judged.right or given.misfits else arithmetic_of(known)
        diagnosis = diagnose(
            asked,
            graph,
            given.claims,
            judged,
            misfits=given.misfits,
            right=right,
            effort=0.0 if arithmetic else effort,  # a pair of mistakes is no likelier than what there is evidence for
            progress=progress,
        )
        if pictures:
            drawn = pictures_of_claims(
                graph, given.claims, judged.tallies, partial(made_of, graph, right.expected), judged.first
            )
            drawn = replace(drawn, mended=mended(asked, graph, given.claims, right, diagnosis))
        if probing and not judged.right:
            diagnosis = placed(observed, asked, graph, candidate, diagnosis)
        precision = weights_of(known, diagnosis) or (None if diagnosis.tied else arithmetic)
        diagnosis = replace(diagnosis, precision=precision)
        if diagnosis.verdict == "match" and weights is None and dtype in ("float32", "float64"):
            diagnosis = replace(diagnosis, untested=tuple(unseen_forms(asked, graph, given.claims, right)))
        if why:
            asked_more = experiments(observed, candidate, replayed, max(effort, EFFORT), answer)
            diagnosis = replace(diagnosis, why=asked_more)
        if weights is not None:
            told.append(cost_of_weights(known, computed_in(observed, dtype), weights))
    right_here = judged is not None and judged.right and not findings
    tried = probed(observed, candidate, replayed, right_here, diagnosis) if probing and judged is not None else ()
    return Comparison(
        spec=observed.asked.spec,
        candidate=name,
        seed=observed.asked.seed,
        dtype=dtype,
        outputs=() if judged is None else judged.rows,
        findings=findings,
        diagnosis=diagnosis,
        by_step=() if judged is None else judged.by_step,
        untested=() if judged is None else judged.untested,
        notes=(*notes_of(answer), *told, *(() if judged is None else notes(graph, judged))),
        keras=keras,
        seconds={"candidate": answered - started, "judging": time.perf_counter() - answered},
        probes=tuple(tried),
        pictures=drawn,
    )


def as_taken(observed: Observation, dtype: str, weights: str | None) -> Observation:
    """The model as a candidate is taken to compute it."""
    made = computed_in(observed, dtype)
    return made if weights is None else with_weights(made, weights)


def placed(
    observed: Observation, asked: Observation, graph: Graph, candidate: Candidate, diagnosis: Diagnosis
) -> Diagnosis:
    """A diagnosis whose first divergence is placed by the states inside the candidate, where it can be asked for those."""
    task = task_of(observed, graph)
    walks = walks_of(observed, graph)
    try:
        answer = candidate(replace(task, walks=walks)) if walks else {}
    except CandidateError:
        return diagnosis
    given = claims_of(observed, graph, answer)
    if not answer.keys() - task.outputs.keys() or given.findings:
        return diagnosis
    first = judge_claims(asked, graph, given.claims).first
    return diagnosis if first is None else replace(diagnosis, first_divergence=first)


def probed(
    observed: Observation, candidate: Candidate, replayed: Replayed, right: bool, diagnosis: Diagnosis | None
) -> Iterator[Probe]:
    """Other calls: all of a candidate that is right in this one; of one that is wrong, those that show where.

    Where a state is not kept, and the first call does not start from zero either, it starts from what it was at some export.
    """
    log.info("asking the candidate for other calls")
    if right:
        yield from probes(observed, candidate, replayed)
        return
    if diagnosis is not None and diagnosis.precision is not None:
        return  # it is so everywhere
    if not observed.turns:
        yield from prefixes(observed, candidate, replayed)
        return
    if diagnosis is None or LOST in diagnosis.untested:
        return  # a recurrence that forgets gives the same whatever it starts from
    explained = bool(diagnosis.tied)
    for one in twice(observed, candidate):
        yield one if explained or one.verdict == "match" else replace(one, mistakes=(FROZEN,))


def notes(graph: Graph, judged: Judgement) -> Iterator[str]:
    """What the user may not expect of the verdict."""
    recurrent = [name for name, layer in graph.layers.items() if layer.state_names]
    wanted = ", ".join(f"{name}.{state} (N, T, M)" for name in recurrent for state in graph.layers[name].state_names)
    for name in judged.untested:
        yield (
            f"{name}: the recurrence amplifies rounding beyond the values, so that outputs cannot tell a right port from a wrong"
            f" one; give the states at every step: {wanted}"
        )
    for name, timestep in judged.lost_from.items():
        yield (
            f"{name}: from timestep {timestep} on rounding alone may have moved the values by more than 10%, so that outputs"
            f" cannot tell; give the states at every step: {wanted}"
        )

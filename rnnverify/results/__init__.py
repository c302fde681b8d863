"""What is found, frozen: every field here is one that a report shows."""

from __future__ import annotations

from rnnverify.results.blind import BlindSpot, BlindSpots
from rnnverify.results.comparison import Comparison, Diagnosis, Named
from rnnverify.results.explained import ExplainedLayer, ExplainedWeight, Explanation, Formula, Worked, Working
from rnnverify.results.many import CheckResult, Outcome, Page, Record, Summary, SweepResult
from rnnverify.results.precision import PrecisionFound
from rnnverify.results.probe import Probe
from rnnverify.results.traced import Trace
from rnnverify.results.vectors import Expected, Kill, LayerWeights, Vectors
from rnnverify.results.verification import (
    Divergence,
    GivenLayer,
    LayerResult,
    OutputResult,
    Parting,
    Place,
    Suspect,
    Verification,
)
from rnnverify.results.why import Case, Why
from rnnverify.results.written import NumpyScript

__all__ = [
    "BlindSpot",
    "BlindSpots",
    "Case",
    "CheckResult",
    "Comparison",
    "Diagnosis",
    "Divergence",
    "Expected",
    "ExplainedLayer",
    "ExplainedWeight",
    "Explanation",
    "Formula",
    "GivenLayer",
    "Kill",
    "LayerResult",
    "LayerWeights",
    "Named",
    "NumpyScript",
    "Outcome",
    "OutputResult",
    "Page",
    "Parting",
    "Place",
    "PrecisionFound",
    "Probe",
    "Record",
    "Summary",
    "Suspect",
    "SweepResult",
    "Trace",
    "Vectors",
    "Verification",
    "Why",
    "Worked",
    "Working",
]

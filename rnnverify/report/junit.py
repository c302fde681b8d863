"""The check's outcomes as JUnit XML, which CI servers read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree

from rnnverify.report.lines import gist, told
from rnnverify.report.reasons import checked_text
from rnnverify.results import Outcome
from rnnverify.text import cleaned


def junit_xml(outcomes: Sequence[Outcome]) -> str:
    """A test suite with a test case for each spec: a spec that cannot be run is an error, else what is no match a failure."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    failures = counts["mismatch"] + counts["untested"]
    totals = {"tests": str(len(outcomes)), "failures": str(failures), "errors": str(counts["error"])}
    root = ElementTree.Element("testsuites", totals)
    suite = ElementTree.SubElement(root, "testsuite", {"name": "rnnverify", **totals})
    for outcome in outcomes:
        seconds = sum(outcome.result.seconds.values()) if outcome.result else 0.0
        case = ElementTree.SubElement(
            suite, "testcase", {"classname": "rnnverify", "name": cleaned(outcome.spec), "time": f"{seconds:.3f}"}
        )
        if not outcome.passed:
            kind = "error" if outcome.verdict == "error" else "failure"
            apart = {"type": "untested"} if outcome.verdict == "untested" else {}
            problem = ElementTree.SubElement(case, kind, {"message": cleaned(gist(outcome)), **apart})
            problem.text = told(outcome)
        elif outcome.result is not None and outcome.result.given:
            ElementTree.SubElement(case, "system-out").text = cleaned(checked_text(outcome.result))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode")

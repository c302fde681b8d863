"""JUnit XML for CI servers."""

from __future__ import annotations

from xml.etree import ElementTree

from rnnverify.report.junit import junit_xml
from rnnverify.results import Outcome
from tests.report.by_hand import OUTCOMES

PLACE = (
    "layer lstm, timestep 4, sample 1, unit 2, forget gate: Keras 0.125, replay 0.25, a difference of 0.125 where rounding"
    " gives at most 1e-07; no order of summation can excuse it"
)
DEMAND = "dense[1] differs by 3e-08, not within atol=2e-08, rtol=1e-09, though every step is right within rounding"
XML = f"""\
<?xml version="1.0" encoding="utf-8"?>
<testsuites tests="4" failures="2" errors="1">
  <testsuite name="rnnverify" tests="4" failures="2" errors="1">
    <testcase classname="rnnverify" name="a.yaml" time="0.438" />
    <testcase classname="rnnverify" name="b.yaml" time="0.438">
      <failure message="{PLACE}">{PLACE}</failure>
    </testcase>
    <testcase classname="rnnverify" name="c.yaml" time="0.438">
      <failure message="{DEMAND}">{DEMAND}</failure>
    </testcase>
    <testcase classname="rnnverify" name="d.yaml" time="0.000">
      <error message="4: M: expected a whole number; got 0 (and 1 more)">d.yaml:4: M: expected a whole number; got 0
d.yaml:5: K: expected a whole number; got 0</error>
    </testcase>
  </testsuite>
</testsuites>"""


def test_a_mismatch_is_a_failure_and_what_cannot_be_run_an_error() -> None:
    assert junit_xml(OUTCOMES) == XML


def test_counts_and_kinds_can_be_read_back() -> None:
    suite = ElementTree.fromstring(junit_xml(OUTCOMES))[0]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "4",
        "failures": "2",
        "errors": "1",
    }
    assert [[child.tag for child in case] for case in suite] == [[], ["failure"], ["failure"], ["error"]]


def test_what_xml_cannot_carry_is_written_out() -> None:
    outcome = Outcome("a<b>&\x00.yaml", error='a\x1b[2J "quoted"\ud800\tend\n::error::b')
    (case,) = ElementTree.fromstring(junit_xml([outcome]))[0]
    assert case.get("name") == r"a<b>&\x00.yaml"
    assert case[0].text == 'a\\x1b[2J "quoted"\\ud800\\tend\n\\x3a:error::b'

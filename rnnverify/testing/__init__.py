"""For test suites: assertions; and, as a plugin of pytest, specs as tests of their own (`pytest --rnnverify specs/`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnverify.results import Comparison, Verification

__all__ = ["assert_candidate_matches", "assert_matches"]


def assert_matches(target: Any, x: Any = None, **options: Any) -> Verification:
    """Assert that plain arithmetic computes what a Keras model computes.

    Args:
        target: what `rnnverify.verify` takes: a built keras.Model or layer, a Spec, an Observation.
        x: the inputs of a model or layer, as `verify` takes them.
        options: those of `rnnverify.verify`: atol, rtol, allow_code, opaque.

    Returns:
        What was found.

    Raises:
        AssertionError: the verdict is mismatch or untested; its message has the tables.
        RequestError: the target cannot be built, fed or replayed.
    """
    import rnnverify

    __tracebackhide__ = True  # the test that called is what pytest shows
    result = rnnverify.verify(target, x, **options)
    if not result.passed:
        raise AssertionError(f"{result.verdict}\n{result!r}")
    return result


def assert_candidate_matches(target: Any, candidate: Any, x: Any = None, **options: Any) -> Comparison:
    """Assert that somebody else's implementation computes what a Keras model computes.

    Args:
        target: a built keras.Model or layer, a Spec, an Observation.
        candidate: what `rnnverify.compare` takes: a function of (x, weights), its outputs, the path of a file, a command.
        x: the inputs of a model or layer, as `verify` takes them.
        options: those of `rnnverify.compare`.

    Returns:
        What was found.

    Raises:
        AssertionError: the verdict is mismatch or untested; its message has the tables, and the mistake where it is a known one.
        RequestError: the target cannot be built, fed or replayed, or the candidate is none.
    """
    import rnnverify

    __tracebackhide__ = True
    result = rnnverify.compare(target, candidate, x, **options)
    if not result.passed:
        raise AssertionError(f"{result.verdict}\n{result!r}")
    return result

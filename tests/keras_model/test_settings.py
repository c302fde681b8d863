"""What is kept off the user's screen while Keras works for us, and only then."""

from __future__ import annotations

import logging

import pytest

from rnnverify.keras_model.settings import quiet


def test_what_tensorflow_logs_is_kept_back_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    """In a notebook it does not go to the stream that is redirected."""
    logger = logging.getLogger("tensorflow")
    with caplog.at_level(logging.INFO, "tensorflow"):
        logger.addHandler(caplog.handler)  # it hands nothing on
        try:
            with quiet():
                logger.warning("retracing")
                logger.error("broken")
            logger.warning("afterwards")
        finally:
            logger.removeHandler(caplog.handler)
    assert list(dict.fromkeys(caplog.messages)) == ["broken", "afterwards"]

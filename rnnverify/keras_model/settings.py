"""Keras's global settings and the user's screen: changed for a while, and put back as they were."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what TensorFlow's C++ and Keras's warnings write to stderr off the user's screen."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        saved = os.dup(2)
    except OSError:  # stderr is closed: nothing to keep quiet
        yield
        return
    sys.stderr.flush()
    with open(os.devnull, "wb") as sink, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.dup2(sink.fileno(), 2)
        logger = logging.getLogger("tensorflow")  # writes to sys.stderr, which in a notebook is another stream
        logger.addFilter(is_error)
        try:
            yield
        finally:
            logger.removeFilter(is_error)
            os.dup2(saved, 2)
            os.close(saved)


def is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR


@contextmanager
def precision(keras: Any, policy: str) -> Iterator[None]:
    """Set Keras's global precision: models and `predict` cast what they are fed to it, whatever their layers say."""
    before = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_floatx("float64" if policy == "float64" else "float32")
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_floatx(before[1])
        keras.config.set_dtype_policy(before[0])

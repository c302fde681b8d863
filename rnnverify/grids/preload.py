"""Imported once, by the process that all workers are forked from: TensorFlow takes seconds to import, a fork milliseconds."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# A terminal's Ctrl-C goes to this process too, which was started with it blocked: it ends without a word.
if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

from rnnverify.grids import points  # noqa: E402
from rnnverify.keras_model.session import load_keras  # noqa: E402
from rnnverify.keras_model.settings import quiet  # noqa: E402

# Keras on TensorFlow does without these, and imports them where they are installed: that takes a third of all its time.
NOT_NEEDED = ("jax", "pandas", "scipy")


@contextmanager
def without(packages: tuple[str, ...]) -> Iterator[None]:
    """What is imported meanwhile finds these not installed; what is imported later does."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how Python says that there is none
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


on_tensorflow = os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
with quiet(), suppress(Exception), without(NOT_NEEDED if on_tensorflow else ()):  # the workers will say what is wrong
    load_keras()
gc.disable()  # tracing makes many objects, and looking through them again and again takes a twentieth of all time

__all__ = ["points"]

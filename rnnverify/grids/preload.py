"""Imported once, by the process that all workers are forked from: TensorFlow takes seconds to import, a fork milliseconds."""

import gc
import signal
from contextlib import suppress

# A terminal's Ctrl-C goes to this process too, which was started with it blocked: it ends without a word.
if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

from rnnverify.grids import points  # noqa: E402
from rnnverify.keras_model.session import load_keras  # noqa: E402
from rnnverify.keras_model.settings import quiet  # noqa: E402

with quiet(), suppress(Exception):  # the workers will say what is wrong
    load_keras()
gc.disable()  # tracing makes many objects, and looking through them again and again takes a twentieth of all time

__all__ = ["points"]

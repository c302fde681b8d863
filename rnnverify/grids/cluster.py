"""A Dask cluster: its scheduler and its workers may go away at any moment, and points that hang or die are kept from them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rnnverify.errors import RequestError
from rnnverify.grids.apart import ask_apart
from rnnverify.grids.workers import ClusterLostError, WorkerDiedError
from rnnverify.keras_model.refusals import first_line

PATIENCE = 10.0  # seconds that a scheduler may take to answer, and then to find a worker
PULSE = 0.2
CLOSING = 2.0  # seconds that it may take to say goodbye


class NoClusterError(RequestError):
    """No cluster is ready at the address."""


@dataclass(frozen=True)
class Address:
    """Where the scheduler is, and what it is to be told in TLS."""

    url: str  # such as tcp://host:8786, or tls://host:8786
    ca_file: str | None = None
    cert: str | None = None
    key: str | None = None

    def security(self) -> Any:
        """Dask's own object for it; None where its configuration is to say it.

        Raises:
            RequestError: the files do not exist, or the address does not ask for TLS.
        """
        given = {"--tls-ca-file": self.ca_file, "--tls-cert": self.cert, "--tls-key": self.key}
        files = {option: path for option, path in given.items() if path is not None}
        if not files:
            return None
        if not self.url.startswith("tls://"):
            raise RequestError(f"--scheduler {self.url}: expected tls://HOST:PORT beside {', '.join(files)}")
        for option, path in files.items():
            if not Path(path).is_file():
                raise RequestError(f"{option} {path}: no such file; expected a PEM file, as `dask scheduler` takes it")
        from distributed.security import Security

        named = {"tls_ca_file": self.ca_file, "tls_client_cert": self.cert, "tls_client_key": self.key}
        return Security(require_encryption=True, **{name: value for name, value in named.items() if value is not None})


class Cluster:
    """A cluster that one is connected to."""

    def __init__(self, client: Any, limit: float, pulse: Callable[[], None]) -> None:
        self.client = client
        self.pulse = pulse
        self.executor = client.get_executor(pure=False)
        self.limit = limit
        self.alone: float | None = None  # since when it has had no workers

    def submit(self, ready: Callable[[], None], function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        try:
            made: Future[Any] = self.executor.submit(ask_apart, self.limit, ready, function, arguments)
            return made
        except Exception as error:
            if self.client.status == "running":
                raise
            raise ClusterLostError(f"the scheduler is gone ({first_line(error)})") from None

    def result(self, future: Future[Any]) -> Any:
        """What a call returned, or raised.

        Raises:
            WorkerDiedError: as did all the workers that it was given to.
            ClusterLostError: nobody knows.
        """
        from distributed.scheduler import KilledWorker

        try:
            return future.result()
        except KilledWorker as error:
            raise WorkerDiedError(str(error).split(". ")[0]) from None
        except (CancelledError, OSError):
            raise ClusterLostError("the connection to the scheduler is lost") from None

    def check(self) -> None:
        """Find out whether the scheduler is still there, and has workers.

        Raises:
            ClusterLostError: it is not, or has had none for a while.
        """
        if self.client.status != "running":
            raise ClusterLostError("the scheduler is gone")
        try:
            workers = within(PATIENCE, self.client.nthreads, self.pulse)
        except Exception as error:
            raise ClusterLostError(f"the scheduler does not answer ({type(error).__name__})") from None
        if workers:
            self.alone = None
            return
        self.alone = self.alone or time.monotonic()
        if time.monotonic() - self.alone > PATIENCE:
            raise ClusterLostError("all workers are gone")


@contextmanager
def cluster(address: Address, limit: float, pulse: Callable[[], None] = lambda: None) -> Iterator[tuple[Cluster, int]]:
    """A Dask cluster, and how many threads its workers have.

    Raises:
        RequestError: Dask is not installed, the files for TLS do not fit, or no cluster is ready at the address.
    """
    try:
        from distributed import Client
    except ImportError:
        raise RequestError("--scheduler needs Dask: pip install 'rnnverify[dask]'") from None
    security = address.security()
    with silent():
        try:
            client = within(PATIENCE + 1, partial(Client, address.url, timeout=PATIENCE, security=security), pulse)
        except Exception as error:  # Dask raises what its parts happen to
            raise NoClusterError(
                f"--scheduler {address.url}: no Dask scheduler answers there ({first_line(error)}); start one"
                " with: dask scheduler"
            ) from None
        try:
            try:
                within(PATIENCE + 1, partial(client.wait_for_workers, 1, timeout=PATIENCE), pulse)
                count = sum(within(PATIENCE, client.nthreads, pulse).values())
            except Exception:
                raise NoClusterError(
                    f"--scheduler {address.url}: it has no workers; start one with: dask worker {address.url}"
                ) from None
            yield Cluster(client, limit, pulse), count
        finally:
            with suppress(Exception):  # that cannot be reached any more, or knows nothing of us
                within(CLOSING, client.close)


def within(seconds: float, function: Callable[[], Any], pulse: Callable[[], None] = lambda: None) -> Any:
    """What a function returns. Dask's own time limits do not hold where a scheduler has stopped and its port is open.

    Raises:
        TimeoutError: it takes longer. And what the function raises, or `pulse`, which is called again and again.
    """
    made: Future[Any] = Future()

    def call() -> None:
        try:
            made.set_result(function())
        except BaseException as error:
            made.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    deadline = time.monotonic() + seconds
    while not wait([made], timeout=PULSE).done and time.monotonic() < deadline:
        pulse()
    return made.result(0)


@contextmanager
def silent() -> Iterator[None]:
    """Keep Dask from writing what it thinks of lost connections, with tracebacks, to the screen."""
    known = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in ("distributed", "tornado")]
    before = {name: logging.getLogger(name).level for name in known}
    for name in known:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)

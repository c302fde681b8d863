"""Code that a spec names runs only where the user says so."""

from __future__ import annotations

from collections.abc import Sequence

from rnnverify.errors import RequestError
from rnnverify.spec.model import Spec
from rnnverify.spec.paths import is_code, is_function


def check_consent(spec: Spec, allow_code: bool, candidate: bool = True) -> None:
    """Refuse a spec that names code, unless it may run.

    Args:
        spec: what it names.
        allow_code: whether code may run.
        candidate: whether its candidate would.

    Raises:
        RequestError: it names some.
    """
    named = {"model": spec.model} if spec.model is not None and is_function(spec.model) else {}
    if candidate and spec.candidate is not None and is_code(spec.candidate):
        named["candidate"] = spec.candidate
    for key, code in named.items():
        refuse_unless(allow_code, spec.path, key, code)


def check_models(models: Sequence[object], path: str, allow_code: bool) -> None:
    """The same for the models of a grid."""
    for model in models:
        if isinstance(model, str) and is_function(model):
            refuse_unless(allow_code, path, "model", model)


def refuse_unless(allow_code: bool, path: str, key: str, code: str) -> None:
    if not allow_code:
        raise RequestError(
            f"{path}: {key}: {code} is code, which runs only with --allow-code (allow_code=True); look at it first"
        )

"""From a YAML file to a Spec: what to build, and what to feed it."""

from rnnverify.spec.loading import load_spec, spec_from_mapping
from rnnverify.spec.model import Spec

__all__ = ["Spec", "load_spec", "spec_from_mapping"]

"""What Keras was seen to do: plain NumPy and JSON, and a file to keep it in. No Keras objects."""

from rnnverify.observation.observed import Node, Observation, Ref, Tolerance, Walked

__all__ = ["Node", "Observation", "Ref", "Tolerance", "Walked"]

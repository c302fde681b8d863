"""What Keras was seen to do: plain NumPy and JSON, and a file to keep it in. No Keras objects."""

from rnnverify.observation.observed import SAVED_BY, Asked, Node, Observation, Ref, Tolerance, Turn, Walked

__all__ = ["SAVED_BY", "Asked", "Node", "Observation", "Ref", "Tolerance", "Turn", "Walked"]

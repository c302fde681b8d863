"""What Keras was seen to do: plain NumPy and JSON, and a file to keep it in. No Keras objects."""

from rnnverify.observation.observed import Asked, Node, Observation, Ref, Tolerance, Walked

__all__ = ["Asked", "Node", "Observation", "Ref", "Tolerance", "Walked"]

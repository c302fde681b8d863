"""The room that holds Keras's objects: it builds or loads a model, runs it, and writes down what it saw."""

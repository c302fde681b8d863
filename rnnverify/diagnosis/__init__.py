"""Why it is a mismatch: which weight, which gate."""

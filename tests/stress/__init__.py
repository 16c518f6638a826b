"""The stress suite: each module has a `run(scale)` that gives a row of its table."""

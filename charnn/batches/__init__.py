"""The order in which training reads examples, a pure function of (seed, epoch, step)."""

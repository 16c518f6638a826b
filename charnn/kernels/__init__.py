"""The inner loops of the CPU, compiled by numba."""

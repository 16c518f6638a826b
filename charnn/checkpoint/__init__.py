"""The model file, written and read."""

"""The classifier: one label for a text."""

"""The translator: a text for a text."""

"""A language network as compiled code without torch."""

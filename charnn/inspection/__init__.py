"""What `charnn inspect` computes: numbers of a network at work, ready to be drawn."""

"""What `charnn bench` measures."""

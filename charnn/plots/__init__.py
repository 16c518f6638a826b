"""Pictures: each as a file, by matplotlib, and as text for a terminal."""

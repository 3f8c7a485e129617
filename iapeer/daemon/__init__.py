"""The wiring: all actors of a root, what they share, and what keeps them honest."""

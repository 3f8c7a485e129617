"""How a message gets into a turn, and what becomes of it."""

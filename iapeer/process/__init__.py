"""Processes: alive, the same, ended, and what they left behind; what they may open."""

"""Benchmarks: the floor a thing could cost, what ours costs, and their ratio, measured in turns in one run."""

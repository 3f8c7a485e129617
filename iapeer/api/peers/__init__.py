"""Peers: shown, made, changed, removed, and what is confirmed of them."""

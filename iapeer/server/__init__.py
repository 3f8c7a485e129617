"""The daemon: its composition, its background duties, its logs, its end."""

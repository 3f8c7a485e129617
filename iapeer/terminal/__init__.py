"""The terminal of whoever runs a command: its streams, what is printed on it, and handing it over to a session."""

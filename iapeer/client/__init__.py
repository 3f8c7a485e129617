"""The HTTP API over its unix socket, for commands: asking, streaming, starting a daemon."""

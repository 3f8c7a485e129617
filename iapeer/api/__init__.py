"""The faces the daemon shows: the HTTP API on its unix socket, and the hooks of agents on loopback."""

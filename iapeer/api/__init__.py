"""The faces the daemon shows: the HTTP API on its unix socket and the loopback port, and MCP."""

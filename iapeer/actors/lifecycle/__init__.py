"""The decisions about a session's life: its start, its wake, its sleep, a worker's end, the guard. Pure."""

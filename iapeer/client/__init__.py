"""The daemon's client: calls, streams of events, and starting and stopping the daemon."""

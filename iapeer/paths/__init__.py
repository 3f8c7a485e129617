"""Where everything lives, who is the daemon of it, and its settings."""

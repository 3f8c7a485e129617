"""OpenCode's adapter against what the real program showed and wrote, and the fixtures that drive it."""

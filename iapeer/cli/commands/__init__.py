"""The subcommands: `command` in the file of its name. Each parses, calls the daemon, and prints."""

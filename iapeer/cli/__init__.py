"""The command line: parse, call the daemon, print. Nothing here knows how anything is done."""

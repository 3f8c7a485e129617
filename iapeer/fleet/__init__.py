"""All identities of a root: their actors, who is meant by a name, what is held, who waits, and what has its time."""

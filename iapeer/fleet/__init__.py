"""All identities of a root: their actors, who is meant by a name, and what has its time."""

"""Show the API's objects to people: peers, messages, events, the daemon."""

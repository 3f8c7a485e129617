"""How the API's objects are shown to people: peers, messages, events, the daemon."""

"""`iapeer runtime check`: does an agent program still behave as its adapter says? Asked of the real program."""

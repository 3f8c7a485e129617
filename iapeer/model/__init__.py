"""Pure values: names, envelope, states, errors, time. Nothing here reads or writes anything."""

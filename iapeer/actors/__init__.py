"""When: one actor per identity consumes its inbox, wakes, types, settles and ends its session."""

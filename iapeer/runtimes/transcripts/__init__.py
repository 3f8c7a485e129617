"""An agent's own record of its conversations, in the kinds in which programs keep it."""

"""What is true of each agent program. All of it is read from adapter files; no agent is named in this code."""

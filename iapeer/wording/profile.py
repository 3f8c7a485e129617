"""What the words of a profile mean."""

from __future__ import annotations

# Wake policies.
POLICIES = {
    "warm": "warm: one conversation, which sleeps and goes on",
    "ephemeral": "ephemeral: a worker, and every message has a fresh session of its own",
}
# When a sleeping conversation is gone on with.
RESUME = {
    "by-topic": "by-topic: another agent's message goes on with its conversation on one of its topics alone",
    "always": "always: every message goes on with its conversation",
}
# Permissions under which an agent does not ask.
UNASKED = {
    "auto": "acts where its own judge lets it, without asking",
    "bypass": "will act without asking",
}

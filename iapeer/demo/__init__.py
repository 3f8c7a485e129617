"""The tour, and the throw-away root that it and the conformance check run in."""

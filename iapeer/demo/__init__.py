"""The tour, and the sandbox (a throw-away root) that it and the conformance cases run in."""

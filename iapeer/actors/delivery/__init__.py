"""The delivery of one message: what comes next (pure), typing it, and where it belongs once its session is over."""

"""iapeer keeps a team of interactive AI agents on one machine one message away."""

__version__ = "0.1.0"

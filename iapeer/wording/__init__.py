"""Codes as sentences for people, and logfmt: what every face says the same way."""

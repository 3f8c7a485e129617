"""Messages: sent, waited for, followed."""

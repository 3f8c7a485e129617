"""Reading files that others may write."""

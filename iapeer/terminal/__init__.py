"""What is printed: objects as JSON, tables and texts for people."""

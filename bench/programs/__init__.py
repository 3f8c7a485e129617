"""Programs that the rows start: stand-ins at the far end, and floors."""

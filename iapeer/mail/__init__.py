"""Messages on their way in: limits, placement, attachments, answers and notices."""

"""Sessions: their record and screen, and what is done to them."""

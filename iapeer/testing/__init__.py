"""What tests need of the product: points at which it can be made to fail."""

"""Which arm people or judges prefer when they see two of them on the same client."""

"""Arms as a factorial design: the factors that they carry, and the interaction of two of them."""

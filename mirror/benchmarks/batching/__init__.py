"""Training on mixed lengths: ways to do it, and their speeds in one table."""

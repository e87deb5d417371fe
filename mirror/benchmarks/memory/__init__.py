"""Memory and speed of counseling on a small GPU."""

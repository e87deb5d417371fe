"""Builds a training set: from screenplays and portraits to pictures, records, and a test table."""

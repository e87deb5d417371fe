"""What a run leaves: sessions, turns, verdicts, and reading them."""

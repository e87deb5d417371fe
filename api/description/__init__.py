"""The description service: which face goes with a client's words."""

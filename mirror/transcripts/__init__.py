"""Records of counseling runs: clients, turns, verdicts, session folders, and checks of their integrity."""

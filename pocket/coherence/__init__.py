"""Checks whether the replies of a run fit its pocket clients."""

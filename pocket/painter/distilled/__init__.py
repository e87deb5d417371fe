"""A painter of few steps: the pocket painter distilled, and what that keeps and saves."""

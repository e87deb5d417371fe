"""HTTP services and how they are called."""

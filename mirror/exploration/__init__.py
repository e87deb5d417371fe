"""Interactive exploration of single turns."""

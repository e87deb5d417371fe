"""What makes models faster, or fit, on a GPU."""

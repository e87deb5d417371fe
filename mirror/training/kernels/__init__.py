"""How training computes products and attention where a plain module would be slower."""

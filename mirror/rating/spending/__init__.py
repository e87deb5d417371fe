"""What a rating run costs: estimated before it begins, counted while it is under way, and limited by a budget."""

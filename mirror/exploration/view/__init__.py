"""What came of a turn, as HTML for notebook and page."""

"""What becomes of ratings later: their instrument is edited, or their rater withdraws."""

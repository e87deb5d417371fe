"""What is made of the attempts: the table, the recommendation, contact sheets, and a summary for readers."""

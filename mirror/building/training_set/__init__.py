"""The training set as a folder: records, pictures, test clients, data card, and their check."""

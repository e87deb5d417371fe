"""The forms as files that other programs read and write: CSV for spreadsheets, Label Studio, Qualtrics."""

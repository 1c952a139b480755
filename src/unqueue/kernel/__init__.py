"""What every room of the house may use. Imports nothing of ours but itself."""

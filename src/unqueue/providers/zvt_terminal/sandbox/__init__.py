"""A simulated terminal that speaks ZVT over TCP, with books of its own."""

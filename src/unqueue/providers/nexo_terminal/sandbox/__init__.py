"""A simulated terminal that speaks the Terminal API: sealed JSON over HTTPS, its own certificate, books of its own."""

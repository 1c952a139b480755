"""The exit pass: what the server signs, a handset shows and a lane reads, with or without the server."""

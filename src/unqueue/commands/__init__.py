"""The commands of ``unqueue``, one module each: they read the settings and hand them to the part that does the work."""

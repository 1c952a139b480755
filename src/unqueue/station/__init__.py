"""What every process that stands in the shop has in common: its link to the merchant server, its screen, its jobs.

The exit lane and the pay kiosk are built of these pieces; each keeps its own sequence, words and devices.
"""

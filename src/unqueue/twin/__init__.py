"""A simulated store around the real parts: its physical world, its shoppers, and the demo's front door.

Nothing that runs in a store imports this.
"""

"""The sandbox wallet itself: a small bank of pretended money, in its own process. Nothing in a store imports it."""

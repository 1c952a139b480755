"""The lane's time from the pass to the open gate: a real lane and a real server, with simulated devices and hands.

``store`` is the place, every part a process of its own; ``figures`` sends shoppers through and reads the clock.
"""

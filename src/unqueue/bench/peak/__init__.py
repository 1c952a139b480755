"""A peak hour, in simulated time: the lanes' real sequence between simulated devices, shoppers and attendants.

``play`` is time and who waits for what, ``shopping`` is who comes with what (every assumption stands there), ``lanes``
drives the real sequence and the real model of exits, ``people`` shops and helps, ``figures`` compares and draws.
"""

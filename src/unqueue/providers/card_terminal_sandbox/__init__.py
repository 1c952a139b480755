"""What a simulated card terminal needs, whatever it speaks: a reader with a shopper before it, and books that survive
a power cut. Nothing in a store imports it; the wire is in ``nexo_terminal.sandbox`` and ``zvt_terminal.sandbox``.
"""

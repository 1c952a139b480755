"""Wallets and banks behind one port (``port``). Each kind is a folder, and ``kinds`` lists them.

Nothing is imported here: a sandbox's process starts with its own provider only.
"""

"""UnionPay's gateway, pretended, in its own process. Nothing in a store imports it.

It speaks and checks what docs/protocols/unionpay.md describes; what is not the protocol is ``sandbox_kit``'s.
"""

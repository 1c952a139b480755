"""Alipay's sandbox: its gateway's protocol with pretended money, in its own process. Nothing in a store imports it."""

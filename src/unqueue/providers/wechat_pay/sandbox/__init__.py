"""WeChat Pay's sandbox: API v3 with pretended money, in its own process. Nothing in a store imports it."""

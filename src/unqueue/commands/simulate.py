"""``unqueue simulate``: devices and the wallet, simulated, each in a process of its own."""

from unqueue.devices.simulators.command import app as devices
from unqueue.providers.sandbox_wallet.sandbox.command import wallet

app = devices
app.command(name="wallet", short_help="A wallet that takes pretended money.")(wallet)

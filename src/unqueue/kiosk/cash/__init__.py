"""Cash at the pay kiosk: what may be taken, what is given, and a journal that agrees with the coins in the machine."""

"""A cash payment that the server wrote down and the till never began: no money can be in it, and the server is told so.

The kiosk may be killed between the two, or the till refuse: the payment would stay open for ever, as only its kiosk can
say how it ended. It becomes a payment that was cancelled with nothing in it, in the journal and in the outbox, in one
transaction, as any other that ends.
"""

import msgspec

from unqueue.kernel.clock import Clock, micros
from unqueue.kernel.money import Money
from unqueue.kiosk.cash import session as sessions
from unqueue.kiosk.cash.currencies import CashPolicy
from unqueue.kiosk.cash.reports import payment_finished
from unqueue.kiosk.cash.store import CashJournal


def decline(journal: CashJournal, policy: CashPolicy, clock: Clock, payment_id: str, due: Money) -> bool:
    """Write down that a payment will never be begun; False if the till knows it."""
    if journal.session(payment_id) is not None:
        return False
    now_us = micros(clock.now())
    session = sessions.begin(payment_id, due.amount_minor, policy, {}, now_us=now_us, expires_us=now_us)
    session = msgspec.structs.replace(session, state="finished", outcome="cancelled", reason="declined")
    body = payment_finished(session)
    with journal.transaction(now_us) as transaction:
        entry = transaction.entry("declined", payment_id=payment_id, data={"due_minor": due.amount_minor})
        transaction.put_session(session, entry)
        transaction.entry("finished", payment_id=payment_id, data=msgspec.to_builtins(body))
        transaction.report([body])
    return True

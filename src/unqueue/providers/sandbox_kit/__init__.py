"""What the sandbox of any wallet or bank needs, but for its protocol. Nothing in a store imports it.

A sandbox speaks the provider's own HTTP and checks the provider's own signatures, in a process of its own, with its
own books. This kit is the rest:

- ``model`` (pure): payments, refunds, the troubles that a tester may cause, what is told about them and when.
- ``store``: the books in SQLite: payments, refunds, notifications to send, nonces seen. They survive kill -9.
- ``book``: what merchants and shoppers may do, durable when it returns. Refusals are ``model.Refused``, with codes that
  the protocol translates.
- ``notifier``: sends until it is acknowledged, doubling its pauses for a day. Signing is the protocol's.
- ``cashier``, ``pages``: ``/pay/<token>``, the page where the shopper pays or a tester makes trouble; ``/scan?code=…``,
  which plays the phone for the content of a QR code. ``Accept: application/json`` answers those without a browser.
- ``process``: the application and how it is run.

To write a new one (``providers/<kind>/sandbox/``; ``wechat_pay`` shows each step):

1. Word the notifications: ``Telling(payment=…, refund=…)`` gives the content that is kept for sending, None where the
   provider says nothing. What a tester asked to be wrong is already wrong in the payment that it is given.
2. Sign them: ``Sending(seal=…, acknowledged=…)``. ``seal(waiting, now_us)`` makes headers and body anew for each try;
   where ``waiting.forged`` it signs with a key that is not the provider's.
3. Write the routes for merchants: check the signature, the age and the nonce (``store.use_nonce``), then call the book:
   ``book.open(Payment(…, code="what its QR code holds", details={…}), request_hash)``, ``find``, ``close``, ``refund``,
   ``find_refund``. Translate ``Refused`` into the provider's own errors, and sign every answer.
4. Put it together::

     store = BookStore(data_dir / "sandbox.db")
     notifier = Notifier(store, Sending(seal, acknowledged), clock, retry_first_s=1.0)
     book = Book(store, clock, Telling(...), late_s=30, refund_s=0, on_planned=notifier.wake)
     cashier = Cashier(book, Brand(name_zh="…（沙盒）", name_en="… (sandbox)", colour="#…"), merchants, way_back)
     asgi = application([*api.routes(...), *cashier.routes()], notifier, store)

   and run it with ``serve(asgi, host, port, listening, up)``, setting ``book.public_url`` in ``listening`` and printing
   the one line of JSON with ``announce`` in ``up``.
5. Add a rig to ``tests/contracts/providers/`` so that the contract suite runs on it.
"""

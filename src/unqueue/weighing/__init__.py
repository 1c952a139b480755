"""7, the weigh check: what an order should weigh, whether what was weighed fits, and what is wrong if it does not.

A statistical test with a false-alarm rate that the store sets. What each product weighs is learned from the totals of
orders, for nobody ever weighs a single item. ``priors`` says what is believed before the first order, ``design`` turns
orders into sparse matrices, ``fitting`` estimates, ``alternatives`` says how wrong orders weigh, ``deciding`` tests one
order, ``changes`` notices new packaging, ``learner`` holds them together, ``replay`` runs them over a store's own logs.
"""

"""The weigh check, measured on simulated stores that know what it has to find out.

``store`` makes the goods and the orders and shares no code with the estimator; ``oracle`` tests the same orders knowing
every true weight; ``figures`` runs both and compares.
"""

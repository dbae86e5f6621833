"""What a worker tells of itself while it works: metrics, spans, and the words that its log lines are bound to.

It watches the records as they pass to the store. The algorithm knows nothing of it.
"""

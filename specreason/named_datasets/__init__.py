"""Datasets by name: problems and gold answers from the hub, from a generator, or bundled. `opening.open_dataset` opens one.

It knows no server and no queue: what it gives are rows, as a user's file would have them.
"""

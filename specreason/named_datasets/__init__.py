"""Datasets by name: problems and gold answers from the hub, from a generator, or bundled. See `opening.open_dataset`.

It knows no server and no queue: what it gives are rows, as a user's file would have them.
"""

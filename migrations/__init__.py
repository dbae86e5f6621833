"""The steps from one schema to the next. Applied by `specreason.store.migrate`."""

"""The revisions of the schema. `specreason.store.migrate` applies them."""

"""Process reward models: how one is asked about steps, and the model itself. Nothing here knows a database."""

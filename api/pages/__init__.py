"""The pages: HTML from templates over the same reads that the API has. They work without JavaScript."""

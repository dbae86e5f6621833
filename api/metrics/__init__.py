"""The API's own metrics: what stands in the queue, what has happened, and how requests were answered."""

"""`specreason top`: the whole deployment at a glance, again and again."""

"""The demo pair: problems, recipe, weights, measurements. Nothing else imports from here."""

"""The demo pair: exercises, recipe, weights, measurements. Nothing else imports from here."""

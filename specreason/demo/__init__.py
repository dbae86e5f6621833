"""The demo pair: exercises, recipe, weights, measurements. Only the dataset `demo` imports from here: `exercises`."""

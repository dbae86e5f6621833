"""What each phase does. A phase returns its facts as JSON; `tests/gpu/verdicts.py` judges them."""

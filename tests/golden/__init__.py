"""What each model of the paper's pairs is asked, word for word, kept in `*.txt`.

After a change that is meant to show here, write the files again with `python -m tests.golden.regenerate` and read the
difference. The models' own tokenizers are not part of this repository: `families.py` builds small ones with the traits
that matter.
"""

"""The padded copy of a drafter: the draft model of a base whose vocabulary has other rows than the drafter's.

vLLM's draft models need as many rows as the base, and their ids are the base's. The models of the paper differ in both,
and its authors patched vLLM. Here vLLM gets a copy of the drafter in which the rows of embedding and lm_head lie where
the base's ids are. Everything else is the drafter's own, its dtype too.

A row for an id that the drafter has no token for is the mean of the ordinary tokens' rows. So, without a bias,

    logit of such a row = row · h = mean of the ordinary logits <= the largest ordinary logit

for every hidden state h, and equal only if the drafter finds all ordinary tokens equally likely. vLLM drafts the token
with the largest logit (`draft_sample_method` is greedy by default, in both of its model runners), and that is never
such a row. Rounding the mean to the model's dtype moves its logit by far less than the mean lies below the maximum. A
row of zeros would win wherever all of the drafter's logits are negative. Tied embeddings stay tied: a token of the base
that the drafter does not know then also reads as the mean of all words, which is what it reads as without a tie.

The base's text depends on none of this. vLLM checks each drafted token against the base's own probabilities: one that
was drafted greedily is kept with the probability that the base gives it, and otherwise replaced by a draw from the rest
of the base's distribution. The rows decide how many drafts are kept, not what is written.
"""

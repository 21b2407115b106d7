# Ids of the special tokens.
PAD, SOS, EOS, UNK = 0, 1, 2, 3

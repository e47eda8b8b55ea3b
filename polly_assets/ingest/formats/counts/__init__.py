"""Files that count one sample each, of quantifiers and counters of reads."""

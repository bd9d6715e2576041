"""Readers of the data sets (cache.READERS), their partial labels, groups and the cache that training draws from."""

"""Readers of the four data sets, their partial labels, groups and the cache that training draws from."""

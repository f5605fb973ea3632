"""A launcher around `ministack` that mends what would make the tests of Tidings lie."""

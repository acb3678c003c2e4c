"""A small migration history for the tests."""

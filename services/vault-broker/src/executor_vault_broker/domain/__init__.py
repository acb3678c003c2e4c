"""What the broker promises, without any I/O."""

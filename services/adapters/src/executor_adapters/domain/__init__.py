"""What adapters are, without any I/O."""

"""What policy knows and decides, without any I/O."""

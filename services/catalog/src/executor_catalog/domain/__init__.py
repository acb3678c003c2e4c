"""What the catalog is, without any I/O."""

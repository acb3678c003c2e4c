"""What services say to each other: the published language."""

"""What adapters ask and tell."""

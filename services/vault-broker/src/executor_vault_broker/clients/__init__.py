"""What the broker asks of others: HashiCorp Vault, and the bus for announcements."""

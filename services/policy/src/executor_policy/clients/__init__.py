"""What policy asks of the world outside its database."""

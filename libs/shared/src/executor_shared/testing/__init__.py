"""What tests of every service share: real servers and fakes at the ports."""

"""Servers that stand in where the real one cannot be had; each says what it leaves out."""

"""The desktop window of live reading."""

"""What of one unit is put back: pure."""

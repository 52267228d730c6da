"""What is held about a person: shown, given to them, and erased for good."""

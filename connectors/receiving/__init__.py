"""What a system that calls us needs here: tokens, what it sent, and which services it has used."""

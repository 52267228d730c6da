"""The address at which other systems call us."""

"""Field pairs that usually fit two systems, offered when a sync is made: a YAML file for each, and its reader."""

"""Random histories of whole syncs: what happens in them, and what must be true when the dust has settled."""

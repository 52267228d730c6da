"""Local stand-ins for outside systems, written from the vendors' documents, for the demo and the tests."""

"""The setup file: the whole configuration as one YAML file, read, compared, loaded and written.

sections    YAML with its lines; mistakes as sentences
reading     a file → Setup, or all its mistakes at once
connections, syncs, pairs, checks   the parts of a file, and what must hold between them
contents    what a version says, as plain values in the file's own words
loading     Setup → database;  dumping  database → file
"""

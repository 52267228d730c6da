"""What the pages of the inbox show: what both sides changed, what is to be reviewed, possible matches."""

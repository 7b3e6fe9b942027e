"""Places in and out: one file a form."""

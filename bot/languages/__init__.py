"""The languages as files: what each has, what it lacks, and the empty files of one more."""

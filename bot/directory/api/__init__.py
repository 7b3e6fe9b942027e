"""The read API of HSDS 3.0 for partners: what is public, and nothing else."""

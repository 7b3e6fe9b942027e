"""What people's own sentences teach: a review queue, training data for staff to commit, and what is asked for in vain."""

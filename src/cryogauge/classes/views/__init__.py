"""What averages say of the specimen: from where it is seen, what is seen twice, how many species, and which."""

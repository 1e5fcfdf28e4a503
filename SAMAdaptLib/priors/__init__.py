"""What label maps alone teach: the shape of a slice's structures, and where structures lie to each other."""

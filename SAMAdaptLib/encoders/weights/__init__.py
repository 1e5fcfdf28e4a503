"""Where the weights of encoders are, how they come to this machine, and whether they are what they should be."""

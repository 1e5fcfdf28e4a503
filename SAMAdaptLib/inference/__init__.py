"""A volume and a head in, a labelmap on the volume's own grid out."""

"""SAM's own ViT encoders, and the weights of its mask decoder."""

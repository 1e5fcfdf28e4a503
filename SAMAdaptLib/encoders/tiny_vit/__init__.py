"""TinyViT encoders (MobileSAM, MedSAM-Lite): network, weights, encoder."""

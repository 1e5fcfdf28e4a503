"""DICOM: images by the geometry that each frame tells, and segmentations (SEG)."""

"""Volumes, labelmaps and the structures in them: voxels together with the grid on which they lie."""

"""What any program needs: files, paths, processes, hardware. Nothing here knows of images."""

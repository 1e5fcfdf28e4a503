"""What any program needs: files, paths, processes, hardware. What is optional and not ours is loaded with care."""

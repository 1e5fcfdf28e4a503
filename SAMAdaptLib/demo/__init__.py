"""The demo: train on real volumes, segment, measure, and show the result as a picture and a page."""

"""Live segmentation: a light model fitted on a few annotated slices of one volume, shown while somebody paints.

annotation       which slices count as annotated, and what they say
interpolation    contours between annotated slices
slice_features   the frozen encoder's features of this volume, nearest slices first
quick_fit        the model and its fit
preview          what is shown of a slice, how sure it is, what to accept
session          all of it together
messages         the words in which a session in the worker is told and tells
serve            a session as a job of the worker
"""

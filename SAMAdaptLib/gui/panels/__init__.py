"""The panel's sections: one presenter each."""

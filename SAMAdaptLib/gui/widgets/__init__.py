"""Parts of panels: tables, menus, the curve, the progress bar."""

"""The movies as points on a plane: as a page, a picture and a table."""

SOFTWARE = "graphrec map"
"""How pages and pictures name what made them."""

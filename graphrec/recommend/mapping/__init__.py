"""The movies as points on a plane: as a page, a picture and a table."""

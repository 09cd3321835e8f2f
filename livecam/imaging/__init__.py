"""Operations on image arrays, and reading and writing of image files."""

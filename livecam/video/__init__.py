"""Video files through PyAV: demux, decode, convert colors, encode and mux."""

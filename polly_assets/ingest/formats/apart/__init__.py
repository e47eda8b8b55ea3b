"""Reading in processes of its own, for formats whose library a damaged file can crash or stall."""

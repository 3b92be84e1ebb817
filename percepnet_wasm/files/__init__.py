"""Audio files: read, enhanced and written, one or a folder of them. Needs the extra ``files``."""

"""The signal path: samples to bands, features and pitch, and back to samples. It knows nothing of models or files."""

"""From folders of audio to model files: corpus -> mixing -> features and targets -> network -> int8."""

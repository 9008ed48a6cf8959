"""Where pretrained weights are, and how they come into a model. Importing it loads no torch."""

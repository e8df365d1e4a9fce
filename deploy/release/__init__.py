"""What the workflows of a release and a deployment run; only the standard library, since nothing is installed yet."""

"""What the workflows of a release and a deployment run; only the standard library and the errors, since nothing is installed yet."""

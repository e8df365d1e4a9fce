"""What the workflows of a release and a deployment run, before anything is installed: the standard library suffices."""

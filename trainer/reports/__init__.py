"""Reports of drift and accuracy at each training and each week, drawn by Evidently in a process of its own."""

"""Weather: runs of a weather model and observed weather, by location, and what was known of it when."""

"""What every kind that reads over HTTP shares: requests, errors, keys, and the budget of requests of a publisher."""

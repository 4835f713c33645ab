"""What is made of results: pictures and, with them, numbers to look at."""

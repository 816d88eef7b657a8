"""The playground: makes calls of the API from a page and shows them as code."""

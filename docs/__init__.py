"""The documentation: its pages, and what makes the parts of them that follow from the code. `python -m docs` builds the site."""

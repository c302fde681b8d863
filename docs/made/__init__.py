"""The parts of pages that follow from the code, each under the name that stands for it in a page: `<!-- made: layers -->`."""

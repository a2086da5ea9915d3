"""What the page in `backscope_reset.py` is made of; README.md has the table of modules."""

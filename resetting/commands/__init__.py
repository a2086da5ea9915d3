"""The commands that are not on Backscope's page, a file for each."""

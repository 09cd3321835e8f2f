"""Local web pages for clicking prompts and reviewing annotations."""

"""Control panel: a page in the browser of this machine that shows a live run and changes it."""

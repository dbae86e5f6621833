"""What pages are made of: templates, files that browsers load, how figures are written, cookies."""

"""Writes a report as a folder of files: figures, tables, a page and a Markdown file. Needs the extra `analysis`."""

"""The screens: each file without a leading underscore is a page, and a page is a list of tiles."""

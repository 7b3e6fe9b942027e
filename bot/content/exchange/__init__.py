"""Texts out to translators and back: as a spreadsheet, or as the catalogue translation programs read."""
